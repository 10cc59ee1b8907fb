/**
 * A holder trusts its lease for so long after it asked the database whether it still has it, and asks more often than that. Who wants the account
 * marks the row and waits for an answer; without one, a longer time after which the holder has asked again and seen the mark, or trusts nothing
 * any more. Both times are counted by the process's own steady clock, from before the question and from after the mark: no two clocks are compared.
 */
export const TRUST_MS = 1_000;
export const SILENCE_MS = 3_000;
/** Between two questions of a holder: how long a writer usually waits, at most. */
export const CONFIRM_EVERY_MS = 100;
