/** A rule of the builder: what is looked at, and what becomes of the message. */
export interface Rule {
  readonly name: string;
  readonly enabled: boolean;
  readonly match: 'all' | 'any';
  readonly conditions: readonly Condition[];
  readonly actions: readonly Action[];
  /** Whether the rules behind it are passed over. */
  readonly stop: boolean;
}

export const FIELDS = ['from', 'to', 'cc', 'recipients', 'subject', 'list', 'body', 'size'] as const;
export const COMPARISONS = ['contains', 'not-contains', 'is', 'begins', 'ends'] as const;
export const SIZES = ['over', 'under'] as const;

export interface Condition {
  readonly field: (typeof FIELDS)[number];
  readonly comparison: (typeof COMPARISONS)[number] | (typeof SIZES)[number];
  /** A text; of a size its megabytes. */
  readonly value: string;
}

export const ACTIONS = ['move', 'copy', 'flag', 'read', 'label', 'forward', 'delete'] as const;

export interface Action {
  readonly kind: (typeof ACTIONS)[number];
  /** Name of the mailbox, the keyword, or the address. */
  readonly value: string;
}
