import type { Call } from './call.ts';
import type { Run } from './run.ts';

/** A compiled command. */
export type Step = (run: Run) => void;
/** A compiled test. */
export type Predicate = (run: Run) => boolean;

export type ArgumentKind = 'string' | 'strings' | 'number';

/** A tagged argument (RFC 5228 §2.6.2). */
export interface TagDefinition {
  /** Without its colon, in lower case. */
  readonly name: string;
  /** What follows it; undefined: it stands alone. */
  readonly value?: ArgumentKind | undefined;
  /** Of the tags of one group, a command takes one at most. */
  readonly group?: string | undefined;
  /** Must be required for it, beside what its command needs; one of them is enough. */
  readonly needs?: readonly string[] | undefined;
}

interface Definition {
  readonly name: string;
  readonly tags?: readonly TagDefinition[];
  /** Positional arguments (RFC 5228 §2.6.1). */
  readonly takes?: readonly ArgumentKind[];
  /** Another form, with another number of positional arguments. */
  readonly orTakes?: readonly ArgumentKind[];
  /** Capabilities of which one must be required; the extension's own when undefined. */
  readonly needs?: readonly string[];
}

export interface CommandDefinition extends Definition {
  readonly takesBlock?: boolean;
  compile(call: Call): Step;
}

export interface TestDefinition extends Definition {
  readonly tests?: 'one' | 'list';
  compile(call: Call): Predicate;
}

/** An extension, or the base language: what `require` makes usable. */
export interface Extension {
  /** Empty: the base language, of which nothing is required. */
  readonly capability: string;
  readonly commands?: readonly CommandDefinition[];
  readonly tests?: readonly TestDefinition[];
  /** Tags for commands and tests of others. */
  readonly tags?: readonly { readonly tag: TagDefinition; readonly on: readonly string[] }[];
}

/** A script that this program names (RFC 6609 §3.2). */
export interface IncludeName {
  readonly location: 'personal' | 'global';
  readonly name: string;
}

/** A script, ready to run over any number of messages. */
export interface Program {
  readonly steps: readonly Step[];
  readonly includes: readonly IncludeName[];
  /** Tests of it ask which mailboxes there are. */
  readonly asksForMailboxes: boolean;
}
