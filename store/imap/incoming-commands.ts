import type { Frame, RefusedWhy, Segment } from './codec/command.ts';
import { ArgumentReader, CommandSyntaxError } from './codec/lexer.ts';
import type { AnyCommand } from './commands/command.ts';
import { findCommand } from './commands/table.ts';
import { bad, type Completion, no } from './completion.ts';
import { refusedCommand } from './refused-command.ts';
import type { Session } from './session.ts';

/** Pipelined commands that are prepared together. */
const MAX_TOGETHER = 100;

/** A command that was understood, or the answer to one that was not. */
export type ReadCommand =
  | { readonly tag: string; readonly command: AnyCommand; readonly args: unknown }
  | { readonly tag: string; readonly command: undefined; readonly completion: Completion };

/** The commands of a session as they come in: read, and those that may be are prepared together. */
export class IncomingCommands {
  readonly #session: Session;
  /** Commands that were prepared with the one that runs; they come next. */
  readonly #prepared: ReadCommand[] = [];
  /** A frame that came behind them. */
  #upcoming: Frame | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  get hasPrepared(): boolean {
    return this.#prepared.length > 0;
  }

  /** The next of those that were prepared with the one before. */
  prepared(): ReadCommand | undefined {
    return this.#prepared.shift();
  }

  /** The frame that was read ahead, or the next one. */
  async frame(waitMs: number): Promise<Frame | 'timeout' | 'interrupted'> {
    const upcoming = this.#upcoming;
    this.#upcoming = undefined;
    if (upcoming !== undefined) return upcoming;
    const frame = await this.#session.connection.frame(waitMs, (fire) => this.#session.onInterrupt(fire));
    this.#session.onInterrupt(undefined);
    return frame;
  }

  /** Reads a command, or takes the answer to one that broke a limit. */
  read(frame: Frame & { readonly kind: 'command' | 'refused' }): ReadCommand {
    if (frame.kind === 'refused') return { tag: frame.tag, command: undefined, completion: refusal(frame.why) };
    const command = this.#readCommand(frame.segments);
    this.#prepareTogether(command);
    return command;
  }

  /**
   * RFC 9051 §5.5: commands that came together and do not depend on each other may be carried out together. The ones behind
   * this that have its name, and can be prepared, ask the database along with it; each is answered in its turn.
   */
  #prepareTogether(first: ReadCommand): void {
    const session = this.#session;
    const prepare = first.command?.prepare;
    if (first.command === undefined || prepare === undefined) return;
    for (let next: ReadCommand = first; ; ) {
      if (next.command !== undefined && refusedCommand(session, next.command, next.args) === undefined)
        prepare(session, next.args);
      if (next !== first) this.#prepared.push(next);
      if (this.#prepared.length === MAX_TOGETHER) return;
      this.#upcoming = session.connection.nextFrame();
      if (this.#upcoming?.kind !== 'command') return;
      next = this.#readCommand(this.#upcoming.segments);
      if (next.command !== first.command) return;
      this.#upcoming = undefined;
    }
  }

  #readCommand(segments: readonly Segment[]): ReadCommand {
    const args = new ArgumentReader(segments, (capability) => this.#session.offers(capability), this.#session.utf8);
    let tag = '*';
    try {
      tag = args.tag();
      args.space();
      const command = this.#commandOf(args);
      const read = command.read(args);
      args.end();
      return { tag, command, args: read };
    } catch (error) {
      if (!(error instanceof CommandSyntaxError)) throw error;
      return { tag, command: undefined, completion: bad(error.message) };
    }
  }

  #commandOf(args: ArgumentReader): AnyCommand {
    let name = args.keyword();
    if (name === 'UID') {
      args.space();
      name = `UID ${args.keyword()}`;
    }
    const command = findCommand(name);
    if (command === undefined) return args.fail('Unknown command');
    const { capability } = command;
    if (capability !== undefined && !this.#session.offers(capability)) args.fail('Unknown command');
    return command;
  }
}

function refusal(why: RefusedWhy): Completion {
  if (why === 'line-too-long') return bad('Command line too long');
  if (why === 'not-synchronizing') return { status: 'BAD', code: 'TOOBIG', text: 'Literal must wait for +' };
  // RFC 9051 §4.3 and RFC 7889 §5: TOOBIG tells a client that trying again is of no use.
  return no('TOOBIG', 'Literal too big');
}
