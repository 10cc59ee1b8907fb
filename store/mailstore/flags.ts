/**
 * Flags of a message. System flags (RFC 9051 §2.3.2) are bits of a small integer; keywords are names. \Recent is no
 * flag of the store: it belongs to a session (RFC 3501 §2.3.2) and comes from `SelectedMailbox.recentFromUid`.
 */
export interface FlagSet {
  /** Bits of SYSTEM_FLAG_BITS. */
  readonly system: number;
  /** Keywords as a client first spelled them in this mailbox; compared without regard to case (RFC 9051 §2.3.2). */
  readonly keywords: readonly string[];
}

/** Bit of each system flag, as kept in the database: never renumber. */
export const SYSTEM_FLAG_BITS = {
  '\\Answered': 1,
  '\\Flagged': 2,
  '\\Deleted': 4,
  '\\Seen': 8,
  '\\Draft': 16,
} as const;

export type SystemFlag = keyof typeof SYSTEM_FLAG_BITS;

export const ANSWERED = SYSTEM_FLAG_BITS['\\Answered'];
export const FLAGGED = SYSTEM_FLAG_BITS['\\Flagged'];
export const DELETED = SYSTEM_FLAG_BITS['\\Deleted'];
export const SEEN = SYSTEM_FLAG_BITS['\\Seen'];
export const DRAFT = SYSTEM_FLAG_BITS['\\Draft'];
export const ALL_SYSTEM_FLAGS: number = ANSWERED | FLAGGED | DELETED | SEEN | DRAFT;

/** No flag at all. */
export const NO_FLAGS: FlagSet = { system: 0, keywords: [] };

/** Longest keyword that the store takes, in octets. */
export const MAX_KEYWORD_OCTETS = 255;

const BIT_BY_LOWER_NAME: ReadonlyMap<string, number> = new Map(
  Object.entries(SYSTEM_FLAG_BITS).map(([name, bit]) => [name.toLowerCase(), bit]),
);

/** Bit of a system flag's name in any case; 0 when it is none (a keyword, or \Recent). */
export function systemFlagBit(name: string): number {
  return BIT_BY_LOWER_NAME.get(name.toLowerCase()) ?? 0;
}

/** Names of the system flags that are set, in the order of their bits. */
export function systemFlagNames(system: number): SystemFlag[] {
  return (Object.keys(SYSTEM_FLAG_BITS) as SystemFlag[]).filter((name) => (system & SYSTEM_FLAG_BITS[name]) !== 0);
}
