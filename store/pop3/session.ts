import type { Socket } from 'node:net';
import type { StoreConfig } from '../config.ts';
import { ClientConnection } from '../connection/client-connection.ts';
import { type ClientServices, ClientSession, type CommandFault, type EndingWhy } from '../connection/client-session.ts';
import { PieceWriter } from '../connection/piece-writer.ts';
import { parseCommandLine } from './codec/arguments.ts';
import { LineFramer, type PopLine } from './codec/line-framer.ts';
import { err, formatReply, type PopReply } from './codec/reply.ts';
import { findCommand } from './commands/table.ts';
import type { Maildrop } from './maildrop.ts';

/** RFC 2449 §4: 255 octets with CRLF. */
const MAX_LINE_BYTES = 253;

export interface Pop3Services extends ClientServices {
  readonly config: NonNullable<StoreConfig['pop3']>;
  readonly hostname: string;
}

/** RFC 1939 §3. UPDATE is no state here: QUIT does all of it. */
export type Pop3State = 'authorization' | 'transaction';

/** One POP3 session. */
export class Pop3Session extends ClientSession<LineFramer, PieceWriter, Pop3Services> {
  readonly #framer: LineFramer;
  #maildrop: Maildrop | undefined;
  /** What USER named. */
  userName: string | undefined;
  /** RFC 6856: the client takes UTF-8 in headers. */
  utf8 = false;

  constructor(socket: Socket, peer: { readonly id: string; readonly client: string }, services: Pop3Services) {
    const framer = new LineFramer(MAX_LINE_BYTES);
    super(peer, services, new ClientConnection(socket, framer, new PieceWriter(), services.config.writeTimeoutMs));
    this.#framer = framer;
  }

  get state(): Pop3State {
    return this.#maildrop === undefined ? 'authorization' : 'transaction';
  }

  /** The messages; only for commands of the transaction state. */
  get maildrop(): Maildrop {
    if (this.#maildrop === undefined) throw new Error('no maildrop is open');
    return this.#maildrop;
  }

  /** Enters the transaction state. */
  beginTransaction(maildrop: Maildrop): void {
    this.#maildrop = maildrop;
  }

  /** Lets the next line be longer than a command. Returns the way back. */
  allowLine(maxBytes: number): () => void {
    this.#framer.maxLineBytes = maxBytes;
    return () => {
      this.#framer.maxLineBytes = MAX_LINE_BYTES;
    };
  }

  reply(reply: PopReply): void {
    this.out.line(formatReply(reply));
  }

  protected greet(): void {
    this.out.line(`+OK ${this.services.hostname} POP3 ready`);
  }

  protected async handle(frame: PopLine): Promise<boolean> {
    const read = frame.kind === 'line' ? parseCommandLine(frame.text) : undefined;
    const command = read && findCommand(read.keyword);
    if (frame.kind === 'too-long') return this.#bad('The line is too long');
    if (read === undefined || command === undefined) return this.#bad('Unknown command');
    if (!command.states.includes(this.state)) {
      return this.#bad(this.state === 'transaction' ? 'Not after sign-in' : 'Sign in first');
    }
    const reply = await command.act(this, read.rest);
    if (reply !== undefined) this.reply(reply);
    return true;
  }

  #bad(text: string): boolean {
    this.reply(err(text));
    return false;
  }

  protected answerFault(fault: CommandFault): void {
    const texts = {
      away: 'The mail cannot be reached now; try again later',
      'outcome-unknown': 'Nobody knows whether messages were removed; the next session shows',
      defect: 'Internal error; it was logged',
    };
    this.reply(err(texts[fault], 'SYS/TEMP'));
  }

  /** RFC 1939 §3: after a time-out the connection is closed without a word. An unasked line would be taken for the answer to the next command. */
  protected lastWords(why: EndingWhy): void {
    if (why === 'bad-commands') this.reply(err('Too many bad commands'));
  }

  protected signedInChanged(): void {}
}
