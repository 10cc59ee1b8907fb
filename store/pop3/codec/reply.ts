/**
 * Response codes that are sent: RFC 2449 §8 with RFC 3206 (AUTH, SYS/TEMP, SYS/PERM) and RFC 6856 §5 (UTF8). IN-USE is never sent,
 * since a session locks nobody out; LOGIN-DELAY neither, since there is none.
 */
export type ResponseCode = 'AUTH' | 'SYS/TEMP' | 'SYS/PERM' | 'UTF8';

/** RFC 1939 §3: the one line of a response, or the first of several. */
export interface PopReply {
  readonly ok: boolean;
  readonly code?: ResponseCode | undefined;
  readonly text: string;
}

export function ok(text: string): PopReply {
  return { ok: true, text };
}

export function err(text: string, code?: ResponseCode): PopReply {
  return { ok: false, code, text };
}

export function formatReply({ ok, code, text }: PopReply): string {
  return `${ok ? '+OK' : '-ERR'}${code === undefined ? '' : ` [${code}]`}${text === '' ? '' : ` ${text}`}`;
}
