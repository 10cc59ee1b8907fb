import { type Reply, reply } from '../reply.ts';
import type { Framing } from '../strict-data.ts';
import type { HardenedConnection } from './connection.ts';
import { refusalOf } from './data-refusal.ts';
import { Reception } from './reception.ts';
import type { StrictStream } from './strict-stream.ts';
import type { Transaction } from './transaction.ts';

/** RFC 5321 §4.5.3.2: an internal fault is the server's, and temporary. */
const FAULT = reply(451, '4.3.0', 'Local error, try again later');

/** Octets that are on their way now. */
interface Expected {
  /** The message that they belong to; undefined: they are dropped. */
  readonly reception: Reception | undefined;
  readonly last: boolean;
  /** Said when they are in, if nothing about the message itself is to be said. */
  readonly reply: Reply;
  /** Dropped octets are waited for so long (process.uptime seconds). */
  readonly until: number;
}

/** How the messages of one connection come in and are judged: by DATA (RFC 5321 §4.1.1.4) or BDAT (RFC 3030). */
export class MessageIntake {
  readonly #connection: HardenedConnection;
  #expected: Expected | undefined;
  /** SMTPUTF8 of the message that is being judged. */
  smtpUtf8 = false;

  constructor(connection: HardenedConnection) {
    this.#connection = connection;
  }

  beginData(transaction: Transaction): void {
    // RFC 2034 §4: 354 is neither 2, 4 nor 5 and carries no enhanced status.
    this.#connection.say.octets('354 End data with <CR><LF>.<CR><LF>\r\n');
    const reception = this.#newReception('dot');
    transaction.reception = reception;
    this.#expected = { reception, last: true, reply: FAULT, until: 0 };
    this.#stream?.beginData(reception.decoder);
  }

  /** RFC 3030 §2: so many octets are a part of the message. */
  beginChunk(transaction: Transaction, octets: number, last: boolean): void {
    transaction.reception ??= this.#newReception('chunks');
    const { reception } = transaction;
    this.#expected = { reception, last, reply: reply(250, '2.0.0', `${octets} octets received`), until: 0 };
    this.#stream?.beginChunk(octets, reception.decoder);
  }

  /** A chunk that is refused; its octets are on their way all the same. */
  dropChunk(octets: number, refusal: Reply): void {
    const { idleTimeoutMs, minDataBytesPerSecond } = this.#connection.server.limits;
    const until = process.uptime() + idleTimeoutMs / 1000 + octets / minDataBytesPerSecond;
    this.#expected = { reception: undefined, last: false, reply: refusal, until };
    this.#stream?.beginChunk(octets, undefined);
  }

  /** See StreamSink.onDataProgress. */
  progress(octets: number): boolean | Promise<boolean> {
    const connection = this.#connection;
    if (this.#expected === undefined) return true;
    const { reception, until } = this.#expected;
    const written = reception?.arrived(octets);
    if (reception === undefined ? process.uptime() > until : reception.tooSlow) {
      connection.tooSlow('data');
      return false;
    }
    return written === undefined ? true : written.then(() => !connection.hasEnded);
  }

  dataEnded(resume: () => void) {
    this.#expected = undefined;
    const { transaction } = this.#connection;
    if (transaction?.reception === undefined) return resume();
    void this.#judge(transaction, transaction.reception, resume);
  }

  chunkEnded(resume: () => void) {
    const expected = this.#expected;
    this.#expected = undefined;
    if (expected === undefined) return resume();
    const connection = this.#connection;
    const { transaction } = connection;
    const { reception } = expected;
    // RFC 3030 §2: what was pipelined behind a failed chunk is taken and dropped.
    if (reception === undefined || transaction?.reception !== reception) {
      return connection.answer(expected.reply, 'data', resume);
    }
    if (expected.last) {
      reception.decoder.endChunks();
      return void this.#judge(transaction, reception, resume);
    }
    const { violation } = reception.decoder;
    if (violation === undefined) return connection.answer(expected.reply, 'data', resume);
    const refusal = refusalOf(violation, connection.server.limits);
    connection.refused('data', refusal, violation);
    connection.resetTransaction();
    connection.answer(refusal, 'data', resume);
  }

  /** A message is complete: its form decides, then the handler. */
  async #judge(transaction: Transaction, reception: Reception, resume: () => void): Promise<void> {
    const connection = this.#connection;
    const { server, say } = connection;
    connection.transaction = undefined;
    this.smtpUtf8 = transaction.parameters.smtpUtf8;
    let replies: readonly Reply[];
    connection._handlerPending = true;
    try {
      const whole = reception.message();
      const message = whole instanceof Promise ? await whole : whole;
      if (typeof message === 'string') {
        const refusal = refusalOf(message, server.limits);
        connection.refused('data', refusal, message);
        replies = this.#perRecipient(refusal, transaction);
      } else {
        const answer = await connection.handlers.onData(connection.peer, transaction.envelope(), message);
        replies = this.#checkReplies(answer, transaction);
      }
    } catch (error) {
      connection.fault('data', error);
      replies = this.#perRecipient(FAULT, transaction);
    }
    connection._handlerPending = false;
    reception.close();
    connection.judged(replies);
    say.replies(replies);
    // What was decided about a message is told at once, whatever else was pipelined behind it.
    say.flush();
    // Framed by dots, what follows bare line ends cannot be trusted to be commands.
    if (reception.decoder.ambiguous && reception.framing === 'dot') return connection.close();
    connection.afterReply(resume);
  }

  #checkReplies(answer: Reply | readonly Reply[], transaction: Transaction): readonly Reply[] {
    if (!Array.isArray(answer)) return this.#perRecipient(answer as Reply, transaction);
    const due = this.#connection.server.lmtp ? transaction.recipients.length : 1;
    if (answer.length === due) return answer as readonly Reply[];
    throw new Error(`onData answered ${answer.length} replies where ${due} are due`);
  }

  /** RFC 2033 §4.2: one reply for each accepted RCPT; in SMTP one for all. */
  #perRecipient(r: Reply, transaction: Transaction): readonly Reply[] {
    return this.#connection.server.lmtp ? transaction.recipients.map(() => r) : [r];
  }

  #newReception(framing: Framing): Reception {
    const { limits, memory, settings } = this.#connection.server;
    return new Reception(limits, memory, settings.spillFolder, framing);
  }

  get #stream(): StrictStream | undefined {
    return this.#connection.stream;
  }
}
