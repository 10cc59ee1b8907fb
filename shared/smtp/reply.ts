/** An SMTP or LMTP reply: three-digit code, enhanced status code (RFC 3463) without the code, and one line of text. */
export interface Reply {
  /** RFC 5321 §4.2 three-digit code. */
  readonly code: number;
  /** RFC 3463 status, `class.subject.detail`; empty where RFC 2034 §4 wants none (greeting, EHLO). */
  readonly enhanced: string;
  /** Text for the peer: one line, no secret, no internal address. */
  readonly text: string;
}

/** Makes a reply value. */
export function reply(code: number, enhanced: string, text: string): Reply {
  return { code, enhanced, text };
}

/** The reply as one wire line without CRLF, e.g. `550 5.1.1 No such user`. */
export function replyLine(r: Reply): string {
  return r.enhanced === '' ? `${r.code} ${r.text}` : `${r.code} ${r.enhanced} ${r.text}`;
}

/** RFC 5321 §4.2.1: 4yz is transient; try again later. */
export function isTransient(r: Reply): boolean {
  return r.code >= 400 && r.code < 500;
}

/** RFC 5321 §4.2.1: 2yz is success. */
export function isPositive(r: Reply): boolean {
  return r.code >= 200 && r.code < 300;
}

/**
 * RFC 3463 §3.3–§3.5: a transient reply about the mailbox (4.2.z), the mail system (4.3.z) or what it needs from others (4.4.z) is no doing
 * of the peer's.
 */
export function isOurOwnTrouble(r: Reply): boolean {
  return isTransient(r) && /^4\.[234]\./.test(r.enhanced);
}
