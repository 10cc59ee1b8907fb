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
