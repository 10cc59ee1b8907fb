/** What the relay needs to know of a header section, without a full parse. */
export interface HeaderScan {
  /** Value of Message-ID with its angle brackets, for the log. */
  readonly messageId?: string | undefined;
  /** Received fields: the hops so far (RFC 5321 §6.3). */
  readonly hops: number;
}

const MAX_MESSAGE_ID_LENGTH = 250;

/** Scans a header section; `headerBytes` ends it. */
export function scanHeader(content: Buffer, headerBytes: number): HeaderScan {
  const text = `\n${content.toString('latin1', 0, headerBytes)}`;
  const id = /\nmessage-id:\s*(<[^<>\s]*>)/i.exec(text)?.[1];
  const hops = text.match(/\nreceived:/gi)?.length ?? 0;
  return { messageId: id !== undefined && id.length <= MAX_MESSAGE_ID_LENGTH ? id : undefined, hops };
}
