import { connect, type Socket } from 'node:net';
import { accountsBehind, type SentMessage } from './sent-message.ts';

/** What a sender knows of one try. After `unanswered` the message may be there or not: only a reply is a promise. */
export type Attempt =
  | {
      readonly kind: 'accepted';
      readonly message: SentMessage;
      readonly accounts: readonly string[];
      readonly reply: string;
    }
  | { readonly kind: 'refused'; readonly message: SentMessage; readonly reply: string }
  | { readonly kind: 'unanswered'; readonly message: SentMessage; readonly cause: string };

/** No connection could be had: no try was made. */
export class NotReached extends Error {
  override readonly name = 'NotReached';
}

class Lost extends Error {}

/** Longer than all of the gateway's own deadlines in these tests. */
const REPLY_DEADLINE_MS = 60_000;

/** A client of the tests' own: one connection, everything pipelined (RFC 2920), what was answered remembered exactly. */
export class SmtpSender {
  readonly #socket: Socket;
  #text = '';
  #end: string | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    const ended = (cause: string) => (): void => {
      this.#end ??= cause;
      this.#wake();
    };
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('end', ended('closed by the server'));
    socket.on('close', ended('closed'));
    socket.on('error', (error) => ended(error.message)());
  }

  /** Connects and greets. Rejects with {@link NotReached}. */
  static async open(target: { readonly host: string; readonly port: number }): Promise<SmtpSender> {
    const sender = new SmtpSender(connect(target));
    try {
      const greeting = await sender.#reply();
      if (!greeting.startsWith('220')) throw new NotReached(greeting);
      sender.#socket.write('EHLO sender.outside.example\r\n');
      const hello = await sender.#reply();
      if (!hello.startsWith('250')) throw new NotReached(hello);
      return sender;
    } catch (error) {
      sender.close();
      throw error instanceof Lost ? new NotReached(error.message) : error;
    }
  }

  get usable(): boolean {
    return this.#end === undefined;
  }

  /** One transaction. Never rejects for what the server does. */
  async send(message: SentMessage): Promise<Attempt> {
    try {
      return await this.#transact(message);
    } catch (error) {
      this.close();
      if (!(error instanceof Lost)) throw error;
      return { kind: 'unanswered', message, cause: error.message };
    }
  }

  close(): void {
    this.#end ??= 'closed by us';
    this.#socket.destroy();
  }

  async #transact(message: SentMessage): Promise<Attempt> {
    const commands = [
      'MAIL FROM:<sender@outside.example>',
      ...message.recipients.map((to) => `RCPT TO:<${to}>`),
      'DATA',
    ];
    this.#socket.write(`${commands.join('\r\n')}\r\n`);
    const mail = await this.#reply();
    const accepted: string[] = [];
    let refusal = mail;
    for (const recipient of message.recipients) {
      const answer = await this.#reply();
      if (answer.startsWith('250')) accepted.push(recipient);
      else refusal = answer;
    }
    const go = await this.#reply();
    if (!go.startsWith('354')) {
      this.#socket.write('RSET\r\n');
      await this.#reply();
      return { kind: 'refused', message, reply: accepted.length === 0 ? refusal : go };
    }
    if (accepted.length === 0) {
      this.#socket.write('.\r\n');
      await this.#reply();
      return { kind: 'refused', message, reply: refusal };
    }
    // RFC 5321 §4.5.2.
    this.#socket.write(Buffer.from(message.bytes.toString('latin1').replace(/^\./gm, '..'), 'latin1'));
    this.#socket.write('.\r\n');
    const reply = await this.#reply();
    if (!reply.startsWith('250')) return { kind: 'refused', message, reply };
    return { kind: 'accepted', message, accounts: accountsBehind(accepted), reply };
  }

  /** One reply, all its lines; rejects with {@link Lost} when the connection ends first. */
  async #reply(): Promise<string> {
    const deadline = Date.now() + REPLY_DEADLINE_MS;
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.#end !== undefined) throw new Lost(this.#end);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no reply within ${REPLY_DEADLINE_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
