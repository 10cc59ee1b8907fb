import type { PartOffsets } from '@postern/shared/message/mime-part.ts';

export interface FetchWants {
  readonly envelope?: boolean;
  readonly bodyStructure?: boolean;
  /** Raw fields of CACHED_HEADER_FIELDS. */
  readonly headerFields?: boolean;
  /**
   * Nothing beside envelope, structure and header fields is wanted: they lie together, and are read alone. Dates, size and ids of what comes
   * then say nothing.
   */
  readonly textsAlone?: boolean;
  /**
   * All octets of each message: read with the page, for BODY[] of many. `small`: only of those of up to SMALL_BODY_BYTES, in the same
   * round trip; `body` of the others is undefined.
   */
  readonly body?: boolean | 'small';
  readonly threadId?: boolean;
  /** RFC 8970. */
  readonly preview?: boolean;
  readonly pageSize?: number;
}

/** `internalDate`, `sizeBytes`, ids are always there; the rest as wanted. */
export interface FetchedMessage {
  readonly uid: number;
  readonly internalDateMs: number;
  /** RFC 8514 SAVEDATE. */
  readonly saveDateMs: number;
  readonly sizeBytes: number;
  readonly contentId: Buffer;
  /** RFC 8474 EMAILID. */
  readonly emailId: string;
  /** RFC 8474 THREADID. */
  readonly threadId: string | undefined;
  /** Parenthesised ENVELOPE, ready to send. */
  readonly envelope: Buffer | undefined;
  /** Parenthesised BODYSTRUCTURE (extensible form), ready to send. */
  readonly bodyStructure: Buffer | undefined;
  readonly headerFields: Buffer | undefined;
  readonly body: Buffer | undefined;
  /** The beginning of what a reader sees; empty when there is no text. */
  readonly preview: string | undefined;
}

/** Structure of a message: offsets into its original bytes (`partRange` of shared/message answers from `root`). */
export interface StoredStructure {
  readonly sizeBytes: number;
  /** Octets of the header with the empty line. */
  readonly headerBytes: number;
  readonly root: PartOffsets;
}
