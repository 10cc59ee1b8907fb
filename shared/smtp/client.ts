import { TLSSocket } from 'node:tls';
import { DELIVERY_ID_KEYWORD } from '../delivery/delivery-id.ts';
import { type Outcome, outcomeOfReply } from '../delivery/outcome.ts';
import { openWire, timeoutsOf } from './client-connect.ts';
import type { ClientOptions, ClientTimeouts, MessageData, ProbeOptions, SendOptions } from './client-options.ts';
import { type Wire, WireLost, type WireReply } from './client-wire.ts';
import { DotStuffing } from './dot-stuffing.ts';
import type { Envelope } from './envelope.ts';
import { type MailExtras, mailCommand, recipientCommand } from './envelope-commands.ts';
import { isPositive, type Reply, reply } from './reply.ts';

export { ConnectFailure, type ConnectStage } from './client-connect.ts';
export type * from './client-options.ts';

/** An open SMTP or LMTP connection, past EHLO. One transaction at a time. */
export interface SmtpConnection {
  /** Keywords of the EHLO reply in upper case, with their arguments (`''` when none). */
  readonly capabilities: ReadonlyMap<string, string>;
  /** The TLS session below it; undefined in plain text. */
  readonly tls: { readonly protocol: string; readonly cipher: string } | undefined;
  /** Whether another transaction may begin: open, in step, not told 421. */
  readonly usable: boolean;
  /**
   * Whether the transaction that is, or was last, in hand may be tried again elsewhere when it was cut off: no content left, or nothing was
   * answered and the server knows the delivery by its id.
   */
  readonly mayRepeat: boolean;
  /** Asks what the server would say: MAIL, each RCPT, RSET, in one write. One outcome a recipient, in order. */
  probe(reversePath: string, recipients: readonly string[], options?: ProbeOptions): Promise<readonly Outcome[]>;
  /**
   * Sends one message. One outcome a recipient, in order; never rejects for what a peer or network does. LMTP: final
   * replies are recorded as they come, so a connection that dies between them defers only those without a reply.
   */
  send(envelope: Envelope, data: MessageData, options?: SendOptions): Promise<readonly Outcome[]>;
  /** Says QUIT and closes. */
  quit(): Promise<void>;
  /** Closes at once. */
  destroy(): void;
}

/** Connects, protects the connection as told, and says EHLO (LHLO). Rejects with ConnectFailure. */
export async function connectSmtp(options: ClientOptions): Promise<SmtpConnection> {
  const { wire, capabilities } = await openWire(options);
  return new Connection(options, wire, capabilities);
}

const QUIT_MS = 2_000;
/** A message up to this size is written at once; a larger one in slices, each with the deadline of its own. */
const SLICE_BYTES = 262_144;
const NO_REPLY = reply(451, '4.4.2', 'The connection to the next hop was lost');

class Connection implements SmtpConnection {
  readonly capabilities: ReadonlyMap<string, string>;
  readonly tls: SmtpConnection['tls'];
  readonly #wire: Wire;
  readonly #lmtp: boolean;
  readonly #timeouts: ClientTimeouts;
  #busy = false;
  #closing = false;
  #contentSent = false;
  /** The delivery id of the transaction was told. */
  #identified = false;
  #answered = false;

  constructor(options: ClientOptions, wire: Wire, capabilities: ReadonlyMap<string, string>) {
    this.#wire = wire;
    this.#lmtp = options.protocol === 'lmtp';
    this.#timeouts = timeoutsOf(options);
    this.capabilities = capabilities;
    this.tls = wire.socket instanceof TLSSocket ? describeTls(wire.socket) : undefined;
  }

  get usable(): boolean {
    return !this.#busy && !this.#closing && this.#wire.idle;
  }

  get mayRepeat(): boolean {
    return !this.#contentSent || (this.#identified && !this.#answered);
  }

  async probe(reversePath: string, recipients: readonly string[], options: ProbeOptions = {}) {
    const smtpUtf8 = options.smtpUtf8 ?? false;
    const envelope: Envelope = {
      reversePath,
      recipients: recipients.map((address) => ({ address })),
      body: '7BIT',
      smtpUtf8,
    };
    const outcomes = new Array<Outcome | undefined>(recipients.length);
    await this.#alone(outcomes, async () => {
      await this.#mailAndRecipients(envelope, outcomes, { size: options.size }, 'RSET');
      this.#note(await this.#wire.reply(this.#timeouts.commandMs));
    });
    return this.#complete(outcomes);
  }

  async send(envelope: Envelope, data: MessageData, options: SendOptions = {}) {
    const outcomes = new Array<Outcome | undefined>(envelope.recipients.length);
    await this.#alone(outcomes, async () => {
      const size = options.size ?? sizeOf(data);
      this.#identified = options.deliveryId !== undefined && this.capabilities.has(DELIVERY_ID_KEYWORD);
      const whole = this.#chunkOf(data);
      if (whole !== undefined) return this.#sendChunk(envelope, whole, outcomes, options);
      const accepted = await this.#mailAndRecipients(
        envelope,
        outcomes,
        { size, deliveryId: options.deliveryId, placement: options.placement },
        'DATA',
      );
      const go = this.#note(await this.#wire.reply(this.#timeouts.commandMs));
      if (go.code !== 354) {
        for (const i of accepted) outcomes[i] = refusedAtData(go);
        // The server still holds the transaction if it refused DATA itself.
        await this.#command('RSET');
        return;
      }
      // RFC 2920 §3.1: a server that answers 354 though every recipient was refused gets a lone dot.
      if (accepted.length === 0) {
        await this.#wire.write('.\r\n', this.#timeouts.dataMs);
        this.#note(await this.#wire.reply(this.#timeouts.finalReplyMs));
        return;
      }
      await this.#content(data);
      await this.#finalReplies(accepted, outcomes);
    });
    return this.#complete(outcomes);
  }

  /**
   * RFC 3030 §2: the whole message as one chunk, together with the envelope (§4.2: BDAT may be pipelined), so that all of it takes one
   * round trip. For LMTP, where the recipients were asked about before: octets for refused ones are sent in vain.
   */
  async #sendChunk(
    envelope: Envelope,
    whole: { readonly pieces: readonly Buffer[]; readonly octets: number },
    outcomes: (Outcome | undefined)[],
    options: SendOptions,
  ): Promise<void> {
    const { pieces, octets } = whole;
    const { commandMs, dataMs, finalReplyMs } = this.#timeouts;
    const { deliveryId, placement } = options;
    const commands = this.#commands(envelope, { size: options.size ?? octets, deliveryId, placement });
    this.#contentSent = true;
    const head = Buffer.from(`${commands.join('\r\n')}\r\nBDAT ${octets} LAST\r\n`);
    await this.#wire.writeAll([head, ...pieces], dataMs);
    const mail = this.#note(await this.#wire.reply(commandMs));
    const accepted: number[] = [];
    for (const i of envelope.recipients.keys()) {
      const answer = this.#note(await this.#wire.reply(commandMs));
      if (this.#recipientAccepted(i, mail, answer, outcomes)) accepted.push(i);
    }
    if (accepted.length > 0) return this.#finalReplies(accepted, outcomes);
    // The chunk without a recipient is dropped, and answered once; the server still holds the transaction.
    this.#note(await this.#wire.reply(finalReplyMs));
    await this.#command('RSET');
  }

  /** The octets of a message that is to go as one chunk; undefined: by DATA. */
  #chunkOf(data: MessageData): { readonly pieces: readonly Buffer[]; readonly octets: number } | undefined {
    const offered = this.capabilities.has('CHUNKING') && this.capabilities.has('PIPELINING');
    const octets = sizeOf(data);
    if (!this.#lmtp || !offered || octets === undefined || octets > SLICE_BYTES) return undefined;
    return { pieces: Buffer.isBuffer(data) ? [data] : (data as readonly Buffer[]), octets };
  }

  async quit(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (this.#wire.idle && !this.#busy) {
      try {
        await this.#wire.write('QUIT\r\n', QUIT_MS);
        await this.#wire.reply(QUIT_MS);
      } catch (error) {
        if (!(error instanceof WireLost)) throw error;
      }
    }
    this.destroy();
  }

  destroy(): void {
    this.#closing = true;
    this.#wire.lose(new WireLost('connection closed by us'));
  }

  /** Runs one transaction; a lost connection leaves the outcomes that were known, and defers the others. */
  async #alone(outcomes: (Outcome | undefined)[], run: () => Promise<void>): Promise<void> {
    if (this.#busy) throw new Error('a transaction is in hand already on this connection');
    this.#busy = true;
    this.#contentSent = false;
    this.#identified = false;
    this.#answered = false;
    try {
      await run();
    } catch (error) {
      // Whatever ended it half-way, the conversation is out of step.
      this.destroy();
      const cause = (error as Error).message;
      for (let i = 0; i < outcomes.length; i++) outcomes[i] ??= { kind: 'deferred', reply: NO_REPLY, cause };
      if (!(error instanceof WireLost)) throw error;
    } finally {
      this.#busy = false;
    }
  }

  #complete(outcomes: readonly (Outcome | undefined)[]): readonly Outcome[] {
    return outcomes.map((outcome) => outcome ?? { kind: 'deferred', reply: NO_REPLY, cause: 'no reply' });
  }

  /** MAIL, each RCPT and the last command in one write if PIPELINING is offered. Returns the indexes accepted. */
  async #mailAndRecipients(
    envelope: Envelope,
    outcomes: (Outcome | undefined)[],
    parameters: MailExtras,
    last: 'DATA' | 'RSET',
  ): Promise<number[]> {
    const commands = this.#commands(envelope, parameters);
    const { commandMs } = this.#timeouts;
    const pipelining = this.capabilities.has('PIPELINING');
    // RFC 2920 §3.1: DATA is the last command of a group.
    if (pipelining) await this.#wire.write(`${commands.join('\r\n')}\r\n${last}\r\n`, commandMs);
    else await this.#wire.write(`${commands[0]}\r\n`, commandMs);
    const mail = this.#note(await this.#wire.reply(commandMs));
    const accepted: number[] = [];
    for (let i = 0; i < envelope.recipients.length; i++) {
      if (!pipelining) await this.#wire.write(`${commands[i + 1]}\r\n`, commandMs);
      const answer = this.#note(await this.#wire.reply(commandMs));
      if (!this.#recipientAccepted(i, mail, answer, outcomes)) continue;
      accepted.push(i);
      if (last === 'RSET') outcomes[i] = outcomeOfReply(answer);
    }
    if (!pipelining) await this.#wire.write(`${last}\r\n`, commandMs);
    return accepted;
  }

  #commands(envelope: Envelope, parameters: MailExtras): string[] {
    return [
      mailCommand(envelope, this.capabilities, parameters),
      ...envelope.recipients.map((recipient) => recipientCommand(recipient, this.capabilities)),
    ];
  }

  /** Whether MAIL and this RCPT were accepted; if not, that is the recipient's outcome. */
  #recipientAccepted(i: number, mail: Reply, answer: Reply, outcomes: (Outcome | undefined)[]): boolean {
    const verdict = isPositive(mail) ? answer : mail;
    // A 3yz here is no verdict that RFC 5321 §4.3.2 knows.
    const outcome = outcomeOfReply(verdict.code < 400 && !isPositive(verdict) ? NO_REPLY : verdict);
    if (outcome.kind !== 'delivered') outcomes[i] = outcome;
    return outcome.kind === 'delivered';
  }

  async #content(data: MessageData): Promise<void> {
    const { dataMs } = this.#timeouts;
    const stuffing = new DotStuffing();
    this.#contentSent = true;
    if (Buffer.isBuffer(data) || Array.isArray(data)) {
      const pieces = Buffer.isBuffer(data) ? [data] : (data as readonly Buffer[]);
      if ((sizeOf(data) ?? 0) <= SLICE_BYTES) {
        return this.#wire.writeAll([...pieces.map((piece) => stuffing.feed(piece)), stuffing.end()], dataMs);
      }
      for (const piece of pieces) {
        for (let at = 0; at < piece.length; at += SLICE_BYTES) {
          await this.#wire.write(stuffing.feed(piece.subarray(at, at + SLICE_BYTES)), dataMs);
        }
      }
      return this.#wire.write(stuffing.end(), dataMs);
    }
    for await (const piece of data as AsyncIterable<Buffer>) await this.#wire.write(stuffing.feed(piece), dataMs);
    await this.#wire.write(stuffing.end(), dataMs);
  }

  /** RFC 2033 §4.2: in LMTP one reply for each accepted recipient, in their order; in SMTP one for all. */
  async #finalReplies(accepted: readonly number[], outcomes: (Outcome | undefined)[]): Promise<void> {
    const { finalReplyMs } = this.#timeouts;
    if (!this.#lmtp) {
      const verdict = outcomeOfReply(this.#note(await this.#wire.reply(finalReplyMs)));
      for (const i of accepted) outcomes[i] = verdict;
      return;
    }
    for (const i of accepted) outcomes[i] = outcomeOfReply(this.#note(await this.#wire.reply(finalReplyMs)));
  }

  async #command(line: string): Promise<void> {
    await this.#wire.write(`${line}\r\n`, this.#timeouts.commandMs);
    this.#note(await this.#wire.reply(this.#timeouts.commandMs));
  }

  /** RFC 5321 §3.8: after 421 the server closes; this connection serves no further transaction. */
  #note(answer: WireReply): WireReply {
    this.#answered = true;
    if (answer.code === 421) this.#closing = true;
    return answer;
  }
}

function describeTls(socket: TLSSocket): SmtpConnection['tls'] {
  return { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name };
}

function refusedAtData(answer: Reply): Outcome {
  // 2yz or 3yz other than 354 is no answer to DATA: the state is unknown, so try again later.
  return answer.code < 400
    ? { kind: 'deferred', reply: NO_REPLY, cause: `DATA answered ${answer.code}` }
    : outcomeOfReply(answer);
}

function sizeOf(data: MessageData): number | undefined {
  if (Buffer.isBuffer(data)) return data.length;
  if (Array.isArray(data)) return (data as readonly Buffer[]).reduce((sum, piece) => sum + piece.length, 0);
  return undefined;
}
