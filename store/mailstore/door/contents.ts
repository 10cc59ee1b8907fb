import type { NewBody } from '../body-rows.ts';

export interface Contents {
  /**
   * Makes the original bytes durable, once for each sha256, in a transaction of its own. Do it before `deliver` or
   * `append`, outside every lock. What is never delivered is collected as garbage after the grace period.
   */
  put(message: Buffer): Promise<StoredContent>;
  /**
   * A body on its way into mailboxes by `deliver`: one of common size is only looked over, and written in the transaction of its
   * delivery; a large one is made durable at once, as by `put`. The bytes must not be changed afterwards.
   */
  arrived(message: Buffer): ArrivedContent | Promise<ArrivedContent>;
  /** All octets of a message, in the shortest way; undefined where it is not a small one, is gone, or stands in the mailbox of all mail. */
  smallBody(mailboxId: number, uid: number): Promise<Buffer | undefined>;
  /** Whether `arrived` only looks over a body of this size. */
  travels(message: Buffer): boolean;
}

/** A body that lies in the database, and what was learnt from it for the mailboxes that will hold it. */
export interface StoredContent {
  /** UUIDv7, 16 bytes. */
  readonly id: Buffer;
  /** SHA-256 of the bytes, 32 bytes. */
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  /** Texts that go beside the message; opaque to callers. */
  readonly prepared: PreparedTexts;
}

/** A body that is in no table yet. */
export interface UnwrittenContent extends Omit<StoredContent, 'id'> {
  /** Opaque to callers. */
  readonly body: NewBody;
}

/** What a delivery brings: `deliver` writes what is not written yet. */
export type ArrivedContent = StoredContent | UnwrittenContent;

/** Ready to send: what FETCH and SORT need, rendered once at arrival. */
export interface PreparedTexts {
  readonly envelope: Buffer;
  readonly bodyStructure: Buffer;
  /** Raw header fields of CACHED_HEADER_FIELDS, in the order of the message, folding kept. */
  readonly headerFields: Buffer;
  /** Date of the Date field in ms since 1970; undefined when it has none that can be read. */
  readonly sentAtMs: number | undefined;
  /** Hashes of Message-ID, In-Reply-To and References: what ties a thread. Message-ID's (or none) first. */
  readonly threadHashes: readonly Buffer[];
}
