export interface KeyWants {
  /** Internal date and size. */
  readonly arrival?: boolean;
  /** Subject and names. */
  readonly texts?: boolean;
  /** Message ids. */
  readonly ids?: boolean;
}

/** Texts are decoded and case-folded; empty where the header has none (RFC 5256 §3). */
export interface MessageKeys {
  readonly uid: number;
  /** RFC 5256 §2.2: of the Date field, else the internal date. */
  readonly sentAtMs: number;
  readonly internalDateMs: number;
  readonly sizeBytes: number;
  readonly texts: KeyTexts;
  /** Hash of the message's own id (8 octets as latin1); undefined when it has none. */
  readonly id: string | undefined;
  /** Hashes of what it refers to, the oldest first. */
  readonly references: readonly string[];
}

export interface KeyTexts {
  readonly baseSubject: string;
  readonly isReplyOrForward: boolean;
  /** Local part of the first address of the field (RFC 5256 §3: addr-mailbox). */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** RFC 5957 §3: display name of the first address, else the address. */
  readonly displayFrom: string;
  readonly displayTo: string;
}

/**
 * What THREAD compares, as columns: entry `i` of each belongs to the i-th message, in order of UID. Ids and subjects are numbers, equal
 * ones of equal value.
 */
export interface ThreadKeys {
  readonly count: number;
  readonly uids: Uint32Array;
  /** RFC 5256 §2.2: of the Date field, else the internal date. */
  readonly sentAtMs: Float64Array;
  /** The internal date. */
  readonly arrivedAtMs: Float64Array;
  /** Base subjects, below `subjectCount`; 0 is the empty one. */
  readonly subjects: Uint32Array;
  readonly subjectCount: number;
  /** 1 where the subject is that of a reply or a forward. */
  readonly replies: Uint8Array;
  /** The message's own id; -1 when it has none. */
  readonly ids: Int32Array;
  /** Ids lie below this. */
  readonly idCount: number;
  /** Message `i` refers to `references[starts[i]]` up to (not including) `references[starts[i + 1]]`, the oldest first. */
  readonly starts: Uint32Array;
  readonly references: Int32Array;
}
