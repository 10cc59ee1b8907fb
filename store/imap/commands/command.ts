import type { ArgumentReader } from '../codec/lexer.ts';
import type { Completion } from '../completion.ts';
import type { Session } from '../session.ts';
import type { State } from '../state.ts';

/**
 * One command, one file, one shape: read the arguments, (the session checks the state,) act, respond. `act` writes the
 * untagged responses and returns the tagged one; what changed in the mailbox is told in between by the session.
 */
export interface Command<Arguments> {
  /** Upper-cased; `UID FETCH` for the forms with UID. */
  readonly name: string;
  readonly states: readonly State[];
  /** Whether EXPUNGE may be told before the tagged response: not where the client counts messages (RFC 9051 §7.5.1). */
  readonly expunges: boolean | ((args: Arguments) => boolean);
  /** Whether it names messages by sequence number: refused once the client enabled UIDONLY (RFC 9586 §3). */
  readonly counts?: boolean | ((args: Arguments) => boolean);
  /** Asks the database for changes afterwards, whatever the change feed said: NOOP. */
  readonly refreshes?: boolean;
  /** Removes messages of the selected mailbox: that is told even where NOTIFY asked for silence (RFC 5465 §3.1). */
  readonly removes?: boolean;
  /** The capability that brings the command; it is unknown when that is switched off. */
  readonly capability?: string;
  /** Reads what follows the name, the space before it included. Throws CommandSyntaxError, which becomes BAD. */
  read(args: ArgumentReader): Arguments;
  /**
   * Begins to ask for what `act` will need. Called before `act`, and for several commands of this name that came together before
   * the first of them acts (RFC 9051 §5.5), so that one question to the database serves them all. Only for commands that change nothing.
   */
  prepare?(session: Session, args: Arguments): void;
  act(session: Session, args: Arguments): Promise<Completion>;
}

/** A command whose arguments only it knows. */
export type AnyCommand = Command<unknown>;

export const ANY_STATE: readonly State[] = ['not-authenticated', 'authenticated', 'selected'];
export const SIGNED_IN: readonly State[] = ['authenticated', 'selected'];
export const NOT_SIGNED_IN: readonly State[] = ['not-authenticated'];
export const SELECTED: readonly State[] = ['selected'];

/** For commands without arguments. */
export const noArguments = (): undefined => undefined;
