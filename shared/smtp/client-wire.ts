import type { Socket } from 'node:net';
import type { Reply } from './reply.ts';

/** A reply of several lines; `lines` are their texts without code. */
export interface WireReply extends Reply {
  readonly lines: readonly string[];
}

const MAX_REPLY_BYTES = 65_536;

/** Reads replies from octets, however they are cut (RFC 5321 §4.2). Pure. */
export class ReplyReader {
  #rest = '';
  #lines: string[] = [];
  #bytes = 0;

  /** Takes octets and returns the replies that they complete. Throws when they are no SMTP replies. */
  feed(chunk: Buffer): WireReply[] {
    const text = this.#rest + chunk.toString('utf8');
    const replies: WireReply[] = [];
    let start = 0;
    for (;;) {
      const lf = text.indexOf('\n', start);
      if (lf < 0) break;
      this.#bytes += lf - start;
      const line = text.slice(start, lf > start && text[lf - 1] === '\r' ? lf - 1 : lf);
      start = lf + 1;
      const done = this.#line(line);
      if (done !== undefined) replies.push(done);
    }
    this.#rest = text.slice(start);
    if (this.#rest.length + this.#bytes > MAX_REPLY_BYTES) throw new Error('reply too long');
    return replies;
  }

  #line(line: string): WireReply | undefined {
    const match = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line);
    if (match === null) throw new Error(`not a reply: ${JSON.stringify(line.slice(0, 100))}`);
    this.#lines.push(match[3] ?? '');
    if (match[2] === '-') return undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    const code = Number(match[1]);
    // RFC 2034 §4: the status stands at the start of each line; its class is the code's.
    const enhanced = /^([245]\.\d{1,3}\.\d{1,3})(?: |$)/.exec(lines[0] ?? '')?.[1] ?? '';
    const matches = enhanced !== '' && enhanced[0] === match[1]?.[0];
    const text = lines.map((each) => (matches && each.startsWith(enhanced) ? each.slice(enhanced.length + 1) : each));
    return { code, enhanced: matches ? enhanced : '', text: text.join(' ').slice(0, 1_000), lines };
  }
}

/** The connection was lost or is out of step; `message` is for the log. */
export class WireLost extends Error {
  override readonly name = 'WireLost';
}

interface Waiting {
  readonly resolve: (reply: WireReply) => void;
  readonly reject: (error: Error) => void;
}

/** Replies of one socket, each awaited in order, each with a deadline. */
export class Wire {
  readonly socket: Socket;
  #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  /** Replies that came before anybody asked: the greeting, or a 421 out of turn. */
  readonly #early: WireReply[] = [];
  #lost: WireLost | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #deadlineMs = 0;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onEnd = (): void => this.lose(new WireLost(this.#farewell('connection closed by the server')));
  readonly #onError = (error: Error): void => this.lose(new WireLost(this.#farewell(error.message)));

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
  }

  get lost(): WireLost | undefined {
    return this.#lost;
  }

  /** Nothing awaited, nothing unread: another command may be sent. */
  get idle(): boolean {
    return this.#lost === undefined && this.#waiting.length === 0 && this.#early.length === 0;
  }

  /** The next reply, within a deadline counted from the last reply (or from now, if none was awaited). */
  reply(timeoutMs: number): Promise<WireReply> {
    const early = this.#early.shift();
    if (early !== undefined) return Promise.resolve(early);
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#deadlineMs = timeoutMs;
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  /** Writes; waits only when the socket's buffer is full, and then within the deadline. */
  async write(octets: Buffer | string, timeoutMs: number): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    if (this.socket.write(octets)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.socket.off('drain', onDrain);
        this.socket.off('close', onClose);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onDrain = (): void => settle();
      const onClose = (): void => settle(this.#lost ?? new WireLost('connection lost'));
      const timer = setTimeout(() => {
        const slow = new WireLost('time-out while sending');
        this.lose(slow);
        settle(slow);
      }, timeoutMs);
      this.socket.once('drain', onDrain);
      this.socket.once('close', onClose);
    });
  }

  /** Writes several pieces by one system call. */
  writeAll(pieces: readonly Buffer[], timeoutMs: number): Promise<void> {
    this.socket.cork();
    for (const piece of pieces.slice(0, -1)) this.socket.write(piece);
    const last = this.write(pieces.at(-1) ?? '', timeoutMs);
    this.socket.uncork();
    return last;
  }

  /** Gives the socket up for a TLS session on top of it. */
  release(): Socket {
    clearTimeout(this.#deadline);
    this.socket.off('data', this.#onData);
    this.socket.off('end', this.#onEnd);
    this.socket.off('close', this.#onEnd);
    return this.socket;
  }

  /** Ends it: whoever waits for a reply gets this error. */
  lose(error: WireLost): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    clearTimeout(this.#deadline);
    this.socket.destroy();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  #read(chunk: Buffer) {
    try {
      for (const reply of this.#reader.feed(chunk)) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) this.#early.push(reply);
        else waiting.resolve(reply);
      }
    } catch (error) {
      return this.lose(new WireLost((error as Error).message));
    }
    if (this.#waiting.length > 0) this.#arm();
    else clearTimeout(this.#deadline);
  }

  #arm(): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.lose(new WireLost('time-out waiting for a reply')), this.#deadlineMs);
  }

  /** What the server said last, before it closed. */
  #farewell(otherwise: string): string {
    const last = this.#early.at(-1);
    return last === undefined ? otherwise : `${otherwise} after ${last.code} ${last.enhanced} ${last.text}`;
  }
}
