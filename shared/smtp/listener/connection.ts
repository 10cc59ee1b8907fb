import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection';
import { isOurOwnTrouble, isPositive, type Reply, reply } from '../reply.ts';
import { COMMANDS, type CommandName } from './commands.ts';
import { decodeLine } from './line-text.ts';
import { MessageIntake } from './message-intake.ts';
import { describeTls, sessionOf } from './peer.ts';
import { ReplyWriter } from './reply-writer.ts';
import type { HardenedServer } from './server.ts';
import type { RefusalStage, SessionTls, SmtpHandlers, SmtpSession } from './session.ts';
import { type LineViolation, type StreamSink, StrictStream } from './strict-stream.ts';
import type { Transaction } from './transaction.ts';

/** RFC 5321 §4.5.3.2: an internal fault is the server's, and temporary. */
const FAULT = reply(451, '4.3.0', 'Local error, try again later');
const BARE_LINE_END = 'Lines must end in CRLF';
const BAD_LINES: Readonly<Record<LineViolation, string>> = {
  'bare-lf': BARE_LINE_END,
  'bare-cr': BARE_LINE_END,
  nul: 'Lines must not contain NUL',
  'too-long': 'Line too long',
};

/**
 * One connection. The library keeps the socket's life (accept, STARTTLS, idle time-out, half-close); everything that
 * the peer says and hears is ours: lines and data by {@link StrictStream}, commands by the table in commands.ts.
 */
export class HardenedConnection extends SMTPConnection implements StreamSink {
  readonly server: HardenedServer;
  readonly peer: SmtpSession;
  /** A session lives by the handlers that it began with, even when the listener gets others. */
  readonly handlers: SmtpHandlers;
  transaction: Transaction | undefined;
  readonly intake = new MessageIntake(this);
  readonly say = new ReplyWriter(this);
  heloName: string | undefined;
  /** Who signed in (RFC 4954). */
  user: string | undefined;
  /** Takes the next line, which is no command: the response to a challenge. */
  continuation: ((response: string) => Reply | Promise<Reply>) | undefined;
  /** HELO, EHLO or LHLO, once said. */
  greetedBy: 'HELO' | 'EHLO' | 'LHLO' | undefined;
  #errors = 0;
  #junk = 0;
  #ownTroubles = 0;
  #greeted = false;
  #greetingTimer: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #tls: SessionTls | undefined;
  #tlsOf: Socket | undefined;
  #gone = false;

  /** @param ends the two ends of the connection, where a proxy told them */
  constructor(server: HardenedServer, socket: Socket, ends: SMTPConnectionOptions = {}) {
    // The UUID comes from a cache of random octets; asking for octets costs ten times as much.
    super(server, socket, { ...ends, id: randomUUID().replaceAll('-', '').slice(0, 16) });
    this.server = server;
    this.handlers = server.settings.handlers;
    this.peer = sessionOf(this);
  }

  /** The library's way to begin, without its reverse look-up and its 100 ms for everybody. */
  override init(): void {
    this._setListeners(() => {
      this.guard('open', () => this.handlers.onOpen?.(this.peer));
      const refusal = this.server.admit(this.remoteAddress);
      if (refusal !== undefined) {
        this.refused('connect', refusal, 'too many connections');
        return this.#end(refusal);
      }
      this.#restartDeadline();
      const { patient, limits } = this.server;
      const waits = limits.greetingWaitMs > 0 && !patient.knows(this.remoteAddress);
      if (!waits) return void this.#greet();
      this.#greetingTimer = setTimeout(() => {
        patient.remember(this.remoteAddress);
        void this.#greet();
      }, limits.greetingWaitMs);
    });
  }

  async #greet(): Promise<void> {
    if (this._closing || this._closed) return;
    this._handlerPending = true;
    let refusal: Reply | undefined;
    try {
      refusal = await this.handlers.onConnect?.(this.peer);
    } catch (error) {
      this.fault('connect', error);
      refusal = reply(421, '4.3.0', 'Local error, try again later');
    }
    this._handlerPending = false;
    if (this._closing || this._closed) return;
    if (refusal !== undefined) return this.#end(refusal);
    this.#greeted = true;
    this._ready = true;
    const { hostname, protocol } = this.server.settings;
    // RFC 2034 §4: no enhanced status in the greeting.
    this.say.octets(`220 ${hostname} ${protocol === 'lmtp' ? 'LMTP' : 'ESMTP'}\r\n`);
  }

  override _createParser(): StrictStream {
    const server = this._server as HardenedServer;
    const stream = new StrictStream(this, server.limits.maxCommandBytes);
    stream.on('error', (error) => this.fault('command', error));
    return stream;
  }

  /** The input of the session; the library replaces it at STARTTLS. */
  get stream(): StrictStream | undefined {
    return this._parser instanceof StrictStream ? this._parser : undefined;
  }

  get hasEnded(): boolean {
    return this._closed || this._closing;
  }

  /** Called by the library when a TLS session begins: RFC 3207 §4.2, all that was said before is forgotten. */
  override _resetSession(): void {
    this.resetTransaction();
    this.heloName = undefined;
    this.greetedBy = undefined;
    this.user = undefined;
    this.continuation = undefined;
    super._resetSession();
  }

  /** What the library itself has to say (time-outs, shutdown): one status code, one line. */
  override send(code: number, data?: string | string[] | null): void {
    const text = Array.isArray(data) ? data.join(' ') : (data ?? '');
    const r = reply(code, code === 421 ? '4.4.2' : `${Math.floor(code / 100)}.0.0`, text);
    if (code === 421) this.giveUp(this.transaction?.reception === undefined ? 'command' : 'data', r, text);
    else this.say.reply(r);
  }

  override _onClose(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#greetingTimer);
    super._onClose();
    if (this.#gone) return;
    this.#gone = true;
    this.server.leave(this.remoteAddress);
    this.resetTransaction();
    this.guard('close', () => this.handlers.onClose?.(this.peer));
  }

  /** SMTPUTF8 of the transaction in hand, or of the message being judged. */
  get smtpUtf8(): boolean {
    return this.transaction?.parameters.smtpUtf8 ?? this.intake.smtpUtf8;
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
      this.server.patient.forget(this.remoteAddress);
      this.refused('connect', early, 'early talker');
      return this.#end(early);
    }
    const text = decodeLine(line);
    if (text === undefined) return this.#refuse(reply(500, '5.5.2', 'Not UTF-8'), resume);
    const { continuation } = this;
    if (continuation !== undefined) {
      this.continuation = undefined;
      return void this.#serve('auth', () => continuation(text), resume);
    }
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
    const r = reply(500, '5.5.2', BAD_LINES[violation]);
    this.refused('command', r, violation);
    this.#end(r);
  }

  onPartialLine(sinceSeconds: number): boolean {
    if ((process.uptime() - sinceSeconds) * 1000 < this.server.limits.idleTimeoutMs) return true;
    this.tooSlow('command');
    return false;
  }

  onInputPending(pending: boolean): void {
    if (!this._upgrading) this.say.gather(pending);
  }

  onDataProgress(octets: number): boolean | Promise<boolean> {
    return this.intake.progress(octets);
  }

  onDataEnd(resume: () => void): void {
    this.intake.dataEnded(resume);
  }

  onChunkEnd(resume: () => void): void {
    this.intake.chunkEnded(resume);
  }

  // Replies.

  async #serve(stage: RefusalStage, run: () => Promise<Reply | undefined> | Reply | undefined, resume: () => void) {
    let r: Reply | undefined;
    try {
      const answer = run();
      if (answer instanceof Promise) {
        this._handlerPending = true;
        r = await answer;
      } else {
        r = answer;
      }
    } catch (error) {
      this.fault(stage, error);
      r = FAULT;
    }
    this._handlerPending = false;
    if (this._closed) return resume();
    if (r === undefined) return this._upgrading ? undefined : this.afterReply(resume);
    this.answer(r, stage, resume);
  }

  /** Says a reply, counts errors, and goes on. */
  answer(r: Reply, stage: RefusalStage, resume: () => void) {
    if (r.code === 421) return this.#end(r);
    const isError = r.code >= 400 && !this.#forgives(r);
    if (isError) this.#errors++;
    const { softErrors, hardErrors, softErrorDelayMs } = this.server.limits;
    if (this.#errors >= hardErrors) {
      const last = reply(421, '4.7.0', 'Too many errors');
      this.refused(stage, last, 'error limit');
      this.say.reply(r);
      return this.#end(last);
    }
    if (isError && this.#errors > softErrors && softErrorDelayMs > 0) {
      setTimeout(() => {
        this.say.reply(r);
        this.afterReply(resume);
      }, softErrorDelayMs);
      return;
    }
    this.say.reply(r);
    this.afterReply(resume);
  }

  afterReply(resume: () => void) {
    if (this.server.stopping && this.transaction === undefined && !this._closing) {
      return this.#end(reply(421, '4.3.2', `${this.server.settings.hostname} is shutting down`));
    }
    // A client that never reads its replies must not fill our memory.
    if (this._socket.writableNeedDrain) this.say.flush();
    this._whenWritable(resume);
  }

  #unknownCommand(text: string, resume: () => void) {
    if (/^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT|PATCH) .*HTTP\/\d/i.test(text)) {
      // A browser that was lured here: nothing of its request may be read as a command.
      const r = reply(421, '4.7.0', 'This is not an HTTP server');
      this.refused('command', r, 'HTTP request');
      return this.#end(r);
    }
    this.#refuse(reply(500, '5.5.1', 'Command not recognised'), resume);
  }

  /** A line that is no command. The log hears of it, and not what it was: it may have been a password. */
  #refuse(r: Reply, resume: () => void) {
    this.refused('command', r, r.text);
    this.answer(r, 'command', resume);
  }

  /** Last words, where what follows cannot be understood. */
  giveUp(stage: RefusalStage, r: Reply, cause: string): void {
    this.refused(stage, r, cause);
    this.#end(r);
  }

  #end(r: Reply): void {
    this.say.reply(r);
    this.close();
  }

  tooSlow(stage: RefusalStage): void {
    this.giveUp(stage, reply(421, '4.4.2', 'Too slow'), 'slower than the minimal rate');
  }

  /** Our own trouble (directory, scanner or store away) is no error of the client's; so many of these are, that it costs a bounded number. */
  #forgives(r: Reply): boolean {
    return isOurOwnTrouble(r) && ++this.#ownTroubles <= this.server.limits.maxRecipients;
  }

  /** The message in hand was judged: what was accepted wipes out the errors before it. */
  judged(replies: readonly Reply[]): void {
    if (!replies.some(isPositive)) {
      if (!replies.every((r) => this.#forgives(r))) this.#errors++;
      return;
    }
    this.#errors = 0;
    this.#junk = 0;
    this.#ownTroubles = 0;
    this.#restartDeadline();
  }

  // What the commands use.

  startTls(resume: () => void): void {
    this.say.reply(reply(220, '2.0.0', 'Ready to start TLS'));
    this.say.flush();
    this.upgrade(resume);
  }

  /**
   * RFC 5321 §4.1.1.10: the client has said its last word. Inside TLS its close_notify is still to come; else nothing is waited for, since many
   * clients are gone before they read the reply.
   */
  quit(): void {
    this.#end(reply(221, '2.0.0', 'Bye'));
    if (!(this._socket instanceof TLSSocket)) this._socket.destroySoon();
  }

  resetTransaction(): void {
    if (this.transaction === undefined) return;
    this.transaction.reception?.close();
    this.transaction = undefined;
    this.guard('reset', () => this.handlers.onReset?.(this.peer));
  }

  refused(stage: RefusalStage, r: Reply, cause: string): void {
    this.guard('refused', () => this.handlers.onRefused?.(this.peer, stage, r, cause));
  }

  /** Ends the session now if no transaction is in hand; else after its reply. */
  stop(): void {
    if (this.transaction === undefined && !this._handlerPending) {
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

  #restartDeadline(): void {
    const { sessionTimeoutMs } = this.server.limits;
    if (sessionTimeoutMs <= 0) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (this._handlerPending) return this.#restartDeadline();
      const r = reply(421, '4.4.2', 'The session lasted too long');
      this.refused('command', r, 'session deadline');
      this.#end(r);
    }, sessionTimeoutMs);
    this.#deadline.unref();
  }
}
