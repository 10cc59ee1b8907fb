import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection';
import { isPositive, type Reply, reply, replyLine } from '../reply.ts';
import type { DataDecoder } from '../strict-data.ts';
import { COMMANDS, type CommandName } from './commands.ts';
import { refusalOf } from './data-refusal.ts';
import { decodeLine, oneLine } from './line-text.ts';
import { describeTls, sessionOf } from './peer.ts';
import type { HardenedServer } from './server.ts';
import type { ReceivedMessage, RefusalStage, SessionTls, SmtpSession } from './session.ts';
import { type LineViolation, type StreamSink, StrictStream } from './strict-stream.ts';
import type { Transaction } from './transaction.ts';

/** RFC 5321 §4.5.3.2: an internal fault is the server's, and temporary. */
const FAULT = reply(451, '4.3.0', 'Local error, try again later');
const BARE_LINE_END = 'Lines must end in CRLF';

/**
 * One connection. The library keeps the socket's life (accept, STARTTLS, idle time-out, half-close); everything that
 * the peer says and hears is ours: lines and data by {@link StrictStream}, commands by the table in commands.ts.
 */
export class HardenedConnection extends SMTPConnection implements StreamSink {
  readonly server: HardenedServer;
  readonly peer: SmtpSession;
  transaction: Transaction | undefined;
  heloName: string | undefined;
  /** HELO, EHLO or LHLO, once said. */
  greetedBy: 'HELO' | 'EHLO' | 'LHLO' | undefined;
  #errors = 0;
  #junk = 0;
  #greeted = false;
  #corked = false;
  #inHandler = false;
  #dataSince = 0;
  #reservedBytes = 0;
  #deadline: NodeJS.Timeout | undefined;
  #tls: SessionTls | undefined;
  #tlsOf: Socket | undefined;
  #endAfterReply = false;
  #gone = false;
  #utf8 = false;

  constructor(server: HardenedServer, socket: Socket) {
    // The UUID comes from a cache of random octets; asking for octets costs ten times as much.
    super(server, socket, { id: randomUUID().replaceAll('-', '').slice(0, 16) });
    this.server = server;
    this.peer = sessionOf(this);
  }

  /** The library's way to begin, without its reverse look-up and its 100 ms for everybody. */
  override init(): void {
    this._setListeners(() => {
      const refusal = this.server.admit(this.remoteAddress);
      if (refusal !== undefined) {
        this.refused('connect', refusal, 'too many connections');
        return this.#end(refusal);
      }
      this.#restartDeadline();
      const client = { remoteAddress: this.remoteAddress, localAddress: this.localAddress };
      const delayMs = this.server.settings.greetingDelayMs?.(client) ?? 0;
      if (delayMs > 0) setTimeout(() => void this.#greet(), delayMs);
      else void this.#greet();
    });
  }

  async #greet(): Promise<void> {
    if (this._closing || this._closed) return;
    this.#inHandler = this._handlerPending = true;
    let refusal: Reply | undefined;
    try {
      refusal = await this.server.settings.handlers.onConnect?.(this.peer);
    } catch (error) {
      this.fault('connect', error);
      refusal = reply(421, '4.3.0', 'Local error, try again later');
    }
    this.#inHandler = this._handlerPending = false;
    if (this._closing || this._closed) return;
    if (refusal !== undefined) return this.#end(refusal);
    this.#greeted = true;
    this._ready = true;
    const { hostname, protocol } = this.server.settings;
    // RFC 2034 §4: no enhanced status in the greeting.
    this.#write(`220 ${hostname} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}\r\n`);
  }

  override _createParser(): StrictStream {
    const server = this._server as HardenedServer;
    const stream = new StrictStream(this, server.limits.maxCommandBytes);
    stream.on('error', (error) => this.fault('command', error));
    return stream;
  }

  /** Called by the library when a TLS session begins: RFC 3207 §4.2, all that was said before is forgotten. */
  override _resetSession(): void {
    this.resetTransaction();
    this.heloName = undefined;
    this.greetedBy = undefined;
    super._resetSession();
  }

  /** What the library itself has to say (time-outs, shutdown): one status code, one line. */
  override send(code: number, data?: string | string[] | null): void {
    const text = Array.isArray(data) ? data.join(' ') : (data ?? '');
    const r = reply(code, code === 421 ? '4.4.2' : `${Math.floor(code / 100)}.0.0`, text);
    if (code === 421) this.#end(r);
    else this.#writeReply(r);
  }

  override _onClose(): void {
    clearTimeout(this.#deadline);
    super._onClose();
    if (this.#gone) return;
    this.#gone = true;
    this.server.leave(this.remoteAddress);
    if (!this.#inHandler) this.#releaseMemory();
    this.resetTransaction();
    this.guard('close', () => this.server.settings.handlers.onClose?.(this.peer));
  }

  /** SMTPUTF8 of the transaction in hand, or of the message being judged. */
  get smtpUtf8(): boolean {
    return this.transaction?.parameters.smtpUtf8 ?? this.#utf8;
  }

  get tls(): SessionTls | undefined {
    if (this.#tlsOf !== this._socket) {
      this.#tlsOf = this._socket;
      this.#tls = this._socket instanceof TLSSocket ? describeTls(this._socket) : undefined;
    }
    return this.#tls;
  }

  // What the stream finds.

  onLine(line: Buffer, resume: () => void) {
    if (this._upgrading || this._closing) return resume();
    if (!this.#greeted) {
      // RFC 5321 §4.3.1: the client waits for the greeting; what talks before it is no mail server.
      const early = reply(554, '5.5.0', 'You talk before the greeting');
      this.refused('connect', early, 'early talker');
      return this.#end(early);
    }
    const text = decodeLine(line);
    if (text === undefined) return void this.#answer(reply(500, '5.5.2', 'Not UTF-8'), 'command', resume);
    const word = /^[A-Za-z]+/.exec(text)?.[0].toUpperCase() ?? '';
    const command = COMMANDS[word as CommandName];
    if (command === undefined || (text.length > word.length && text[word.length] !== ' ')) {
      return this.#unknownCommand(text, resume);
    }
    if (command.junk && ++this.#junk > this.server.limits.junkCommands) this.#errors++;
    void this.#serve(command.stage, () => command.run(this, text.trimEnd()), resume);
  }

  onBadLine(violation: LineViolation): void {
    if (this._upgrading || this._closing) return;
    const r = violation === 'too-long' ? reply(500, '5.5.2', 'Line too long') : reply(500, '5.5.2', BARE_LINE_END);
    this.refused('command', r, violation);
    this.#end(r);
  }

  onPartialLine(sinceSeconds: number): boolean {
    if ((process.uptime() - sinceSeconds) * 1000 < this.server.limits.idleTimeoutMs) return true;
    this.#tooSlow('command');
    return false;
  }

  onInputPending(pending: boolean): void {
    if (this._upgrading) return;
    if (!pending) this.#uncork();
    else if (!this.#corked) {
      this.#corked = true;
      this._socket.cork();
    }
  }

  onDataProgress(decoder: DataDecoder): boolean {
    const { limits, memory } = this.server;
    if (decoder.violation === undefined && decoder.size > this.#reservedBytes) {
      const bytes = decoder.size - this.#reservedBytes;
      if (memory.reserve(bytes)) this.#reservedBytes += bytes;
      else decoder.refuse('memory');
    }
    if (decoder.violation !== undefined) this.#releaseMemory();
    if (decoder.ended) return true;
    const seconds = process.uptime() - this.#dataSince;
    const slow = seconds * 1000 > limits.idleTimeoutMs && decoder.size / seconds < limits.minDataBytesPerSecond;
    if (slow) this.#tooSlow('data');
    return !slow;
  }

  onDataEnd(decoder: DataDecoder, resume: () => void) {
    const transaction = this.transaction;
    if (transaction === undefined) return resume();
    this.transaction = undefined;
    this.#utf8 = transaction.parameters.smtpUtf8;
    if (decoder.violation !== undefined) {
      const r = refusalOf(decoder.violation, this.server.limits);
      this.refused('data', r, decoder.violation);
      if (decoder.ambiguous) this.#endAfterReply = true;
      this.#errors++;
      this.#releaseMemory();
      this.#finalReplies(this.#perRecipient(r, transaction), resume);
      return;
    }
    const message: ReceivedMessage = { content: decoder.content(), headerBytes: decoder.headerBytes };
    void this.#judge(transaction, message, resume);
  }

  async #judge(transaction: Transaction, message: ReceivedMessage, resume: () => void): Promise<void> {
    let replies: readonly Reply[];
    this.#inHandler = this._handlerPending = true;
    try {
      const answer = await this.server.settings.handlers.onData(this.peer, transaction.envelope(), message);
      replies = this.#checkReplies(answer, transaction);
    } catch (error) {
      this.fault('data', error);
      replies = this.#perRecipient(FAULT, transaction);
    }
    this.#inHandler = this._handlerPending = false;
    this.#releaseMemory();
    if (replies.some(isPositive)) {
      this.#errors = 0;
      this.#junk = 0;
      this.#restartDeadline();
    } else {
      this.#errors++;
    }
    this.#finalReplies(replies, resume);
  }

  #checkReplies(answer: Reply | readonly Reply[], transaction: Transaction): readonly Reply[] {
    if (!Array.isArray(answer)) return this.#perRecipient(answer as Reply, transaction);
    const due = this.server.lmtp ? transaction.recipients.length : 1;
    if (answer.length === due) return answer as readonly Reply[];
    throw new Error(`onData answered ${answer.length} replies where ${due} are due`);
  }

  /** RFC 2033 §4.2: one reply for each accepted RCPT; in SMTP one for all. */
  #perRecipient(r: Reply, transaction: Transaction): readonly Reply[] {
    return this.server.lmtp ? transaction.recipients.map(() => r) : [r];
  }

  #finalReplies(replies: readonly Reply[], resume: () => void) {
    this.#write(replies.map((r) => `${replyLine({ ...r, text: oneLine(r.text) })}\r\n`).join(''));
    // What was decided about a message is told at once, whatever else was pipelined behind it.
    this.#uncork();
    if (this.#endAfterReply) return this.close();
    this.#afterReply(resume);
  }

  // Replies.

  async #serve(stage: RefusalStage, run: () => Promise<Reply | undefined> | Reply | undefined, resume: () => void) {
    let r: Reply | undefined;
    try {
      const answer = run();
      if (answer instanceof Promise) {
        this.#inHandler = this._handlerPending = true;
        r = await answer;
      } else {
        r = answer;
      }
    } catch (error) {
      this.fault(stage, error);
      r = FAULT;
    }
    this.#inHandler = this._handlerPending = false;
    if (this._closed) return resume();
    if (r === undefined) return this._upgrading ? undefined : this.#afterReply(resume);
    this.#answer(r, stage, resume);
  }

  #answer(r: Reply, stage: RefusalStage, resume: () => void) {
    if (r.code === 421) return this.#end(r);
    if (r.code >= 400) this.#errors++;
    const { softErrors, hardErrors, softErrorDelayMs } = this.server.limits;
    if (this.#errors >= hardErrors) {
      const last = reply(421, '4.7.0', 'Too many errors');
      this.refused(stage, last, 'error limit');
      this.#writeReply(r);
      return this.#end(last);
    }
    if (r.code >= 400 && this.#errors > softErrors && softErrorDelayMs > 0) {
      setTimeout(() => {
        this.#writeReply(r);
        this.#afterReply(resume);
      }, softErrorDelayMs);
      return;
    }
    this.#writeReply(r);
    this.#afterReply(resume);
  }

  #afterReply(resume: () => void) {
    if (this.server.stopping && this.transaction === undefined && !this._closing) {
      return this.#end(reply(421, '4.3.2', `${this.server.settings.hostname} is shutting down`));
    }
    // A client that never reads its replies must not fill our memory.
    if (this._socket.writableNeedDrain) this.#uncork();
    this._whenWritable(resume);
  }

  #unknownCommand(text: string, resume: () => void) {
    if (/^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT|PATCH) .*HTTP\/\d/i.test(text)) {
      // A browser that was lured here: nothing of its request may be read as a command.
      const r = reply(421, '4.7.0', 'This is not an HTTP server');
      this.refused('command', r, 'HTTP request');
      return this.#end(r);
    }
    this.#answer(reply(500, '5.5.1', 'Command not recognised'), 'command', resume);
  }

  #uncork(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this._socket.uncork();
  }

  #writeReply(r: Reply): void {
    this.#write(`${replyLine({ ...r, text: oneLine(r.text) })}\r\n`);
  }

  #write(octets: string): void {
    // During the handshake the socket is still the plain one: nothing may be said there.
    if (this._upgrading || this._socket.destroyed || !this._socket.writable) return;
    this._socket.write(octets);
  }

  /** Lines of a reply that has several (EHLO). */
  writeLines(code: number, lines: readonly string[]): void {
    this.#write(lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${line}\r\n`).join(''));
  }

  /** Last words. */
  #end(r: Reply): void {
    this.#writeReply(r);
    this.close();
  }

  #tooSlow(stage: RefusalStage): void {
    const r = reply(421, '4.4.2', 'Too slow');
    this.refused(stage, r, 'slower than the minimal rate');
    this.#end(r);
  }

  // What the commands use.

  beginData(): void {
    this.#dataSince = process.uptime();
    // RFC 2034 §4: 354 is neither 2, 4 nor 5 and carries no enhanced status.
    this.#write('354 End data with <CR><LF>.<CR><LF>\r\n');
    if (this._parser instanceof StrictStream) this._parser.beginData(this.server.limits);
  }

  startTls(resume: () => void): void {
    this.#writeReply(reply(220, '2.0.0', 'Ready to start TLS'));
    this.#uncork();
    this.upgrade(resume);
  }

  quit(): void {
    this.#end(reply(221, '2.0.0', 'Bye'));
  }

  resetTransaction(): void {
    if (this.transaction === undefined) return;
    this.transaction = undefined;
    this.guard('reset', () => this.server.settings.handlers.onReset?.(this.peer));
  }

  refused(stage: RefusalStage, r: Reply, cause: string): void {
    this.guard('refused', () => this.server.settings.handlers.onRefused?.(this.peer, stage, r, cause));
  }

  /** Ends the session now if no transaction is in hand; else after its reply. */
  stop(): void {
    if (this.transaction === undefined && !this.#inHandler) {
      this.#end(reply(421, '4.3.2', `${this.server.settings.hostname} is shutting down`));
    }
  }

  fault(stage: string, error: unknown): void {
    this.server.settings.log.error({ event: 'fault', session: this.id, stage, err: error });
  }

  guard(stage: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.fault(stage, error);
    }
  }

  #releaseMemory(): void {
    if (this.#reservedBytes > 0) this.server.memory.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  #restartDeadline(): void {
    const { sessionTimeoutMs } = this.server.limits;
    if (sessionTimeoutMs <= 0) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (this.#inHandler) return this.#restartDeadline();
      const r = reply(421, '4.4.2', 'The session lasted too long');
      this.refused('command', r, 'session deadline');
      this.#end(r);
    }, sessionTimeoutMs);
    this.#deadline.unref();
  }
}
