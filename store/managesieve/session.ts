import type { Socket } from 'node:net';
import type { StoreConfig } from '../config.ts';
import { ClientConnection } from '../connection/client-connection.ts';
import { type ClientServices, ClientSession, type CommandFault, type EndingWhy } from '../connection/client-session.ts';
import type { LiteralBudget } from '../connection/literal-budget.ts';
import { PieceWriter } from '../connection/piece-writer.ts';
import type { ScriptLanguage } from '../delivery/rules/script-language.ts';
import { CommandFramer, type Frame, type FramerLimits, type Segment } from '../imap/codec/command.ts';
import { MAX_SCRIPT_BYTES } from '../mailstore/door/scripts.ts';
import { GrammarFault, SieveArguments } from './codec/arguments.ts';
import { bye, formatCompletion, no, type SieveCompletion } from './codec/response.ts';
import { writeCapabilities } from './commands/capability.ts';
import { findCommand } from './commands/table.ts';

export interface ManageSieveServices extends ClientServices {
  readonly config: NonNullable<StoreConfig['managesieve']>;
  readonly literals: LiteralBudget;
  /** The language as deliveries run it: a script that is taken here runs there. */
  readonly language: ScriptLanguage;
}

/** RFC 5804 §4 allows names of 512 octets, each of which may be quoted by a backslash; a line holds two of them. */
const MAX_LINE_BYTES = 4096;
/** A SASL response, before sign-in. */
const MAX_UNAUTHENTICATED_BYTES = 2048;

const limits = (literalBytes: number): FramerLimits => ({
  maxLineBytes: MAX_LINE_BYTES,
  maxArgumentBytes: literalBytes,
  maxAppendBytes: literalBytes,
  maxNonSynchronizingBytes: literalBytes,
});

/** One ManageSieve session (RFC 5804). Its commands are lines and literals, cut by the framer that IMAP has as well (§1.2). */
export class ManageSieveSession extends ClientSession<CommandFramer, PieceWriter, ManageSieveServices> {
  readonly #framer: CommandFramer;
  #heldLiteralBytes = 0;

  constructor(socket: Socket, peer: { readonly id: string; readonly client: string }, services: ManageSieveServices) {
    const framer = new CommandFramer(limits(MAX_UNAUTHENTICATED_BYTES));
    super(peer, services, new ClientConnection(socket, framer, new PieceWriter(), services.config.writeTimeoutMs));
    this.#framer = framer;
  }

  complete(completion: SieveCompletion): void {
    this.out.bytes(formatCompletion(completion)).text('\r\n');
  }

  /** RFC 5804 §2.1: the client's answer to a challenge, a string on a line of its own. */
  async nextString(): Promise<string | undefined> {
    for (;;) {
      const frame = await this.nextFrame();
      if (frame === 'timeout') return undefined;
      if (frame.kind === 'literal') continue;
      if (frame.kind !== 'command') throw new GrammarFault('The response is too long');
      const args = new SieveArguments(frame.segments);
      const text = args.string();
      args.end();
      return text;
    }
  }

  protected greet(): void {
    writeCapabilities(this, 'Postern ManageSieve ready');
  }

  protected async handle(frame: Frame): Promise<boolean> {
    switch (frame.kind) {
      case 'literal':
        this.#heldLiteralBytes += await this.services.literals.take(frame.bytes, this.#heldLiteralBytes);
        return true;
      case 'lost':
        this.complete(bye('The literal is too large to be skipped'));
        this.leave();
        return true;
      case 'refused':
        this.complete(
          frame.why === 'line-too-long'
            ? no('The line is too long')
            : no(`A script has ${MAX_SCRIPT_BYTES} octets at most`, 'QUOTA/MAXSIZE'),
        );
        return true;
      case 'command':
        try {
          return await this.#command(frame.segments);
        } finally {
          if (this.#heldLiteralBytes > 0) this.services.literals.giveBack(this.#heldLiteralBytes);
          this.#heldLiteralBytes = 0;
        }
    }
  }

  async #command(segments: readonly Segment[]): Promise<boolean> {
    try {
      const args = new SieveArguments(segments);
      const name = args.keyword();
      const command = findCommand(name);
      if (command === undefined) throw new GrammarFault(`There is no command ${name}`);
      if (command.when !== 'always' && (command.when === 'signed-in') !== this.isSignedIn) {
        this.complete(no(this.isSignedIn ? 'Signed in already' : 'Sign in first'));
        return false;
      }
      const read = command.read(args);
      args.end();
      const completion = await command.act(this, read);
      if (completion !== undefined) this.complete(completion);
      return true;
    } catch (error) {
      if (!(error instanceof GrammarFault)) throw error;
      this.complete(no(error.message));
      return false;
    }
  }

  protected answerFault(fault: CommandFault): void {
    if (fault === 'away') this.complete(no('The scripts cannot be reached now; try again later', 'TRYLATER'));
    else if (fault === 'defect') this.complete(no('Internal error; it was logged'));
    else {
      // RFC 5804 knows no "perhaps": only a look with a new connection shows.
      this.complete(bye('Nobody knows whether the change was made; connect again and look', 'TRYLATER'));
      this.leave();
    }
  }

  protected lastWords(why: EndingWhy): void {
    const words = {
      idle: bye('Idle for too long'),
      stopping: bye('The server is stopping', 'TRYLATER'),
      'bad-commands': bye('Too many bad commands'),
      fault: bye('Internal error'),
      'no-longer-allowed': bye('Sign in again'),
    };
    this.complete(words[why]);
  }

  protected signedInChanged(signedIn: boolean): void {
    Object.assign(this.#framer.limits, limits(signedIn ? MAX_SCRIPT_BYTES : MAX_UNAUTHENTICATED_BYTES));
  }
}
