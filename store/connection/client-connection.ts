import type { Socket } from 'node:net';
import { setImmediate as otherSessions } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import { Compression } from './compression.ts';
import { KeptTimer } from './kept-timer.ts';
import { PIECE_BYTES, type PieceWriter, recyclePiece } from './piece-writer.ts';

/** The peer is gone, or did not take our bytes in time: the session ends without another word. */
export class ConnectionGone extends Error {
  override readonly name = 'ConnectionGone';
}

/** Received and not yet understood bytes above which reading stops until the session asks for more. */
const READ_AHEAD_BYTES = 262_144;
/** How long a response is written without a turn for other sessions. */
const TURN_MS = 4;
const NOTHING_TO_WAIT_FOR: Promise<void> = Promise.resolve();

/** Cuts what a client sends into the frames of its protocol. Pure and bounded: a framer keeps to limits of its own. */
export interface InputFramer {
  /** Octets that were pushed and are not consumed yet. */
  readonly bufferedBytes: number;
  push(chunk: Buffer): void;
  /** The next frame, or undefined when more bytes are needed. */
  next(): object | undefined;
  /** What was received and not consumed, taken out: it belongs to a layer that begins now. */
  takeRest(): Buffer;
  /** Forgets what was received and not consumed. */
  discard(): void;
}

export type FrameOf<Framer extends InputFramer> = NonNullable<ReturnType<Framer['next']>>;

/**
 * The bytes of one client's session, whatever its protocol: framed input, written output, each with back-pressure. It never
 * buffers more than the framer's limits on the way in and one piece and the socket's own buffer on the way out.
 */
export class ClientConnection<Framer extends InputFramer, Writer extends PieceWriter> {
  readonly out: Writer;
  protected readonly framer: Framer;
  #socket: Socket;
  #gone = false;
  #compression: Compression | undefined;
  /** Called when the socket closes while the one writer of the session waits. */
  #onceClosed: (() => void) | undefined;
  #wakeReader: ((late?: 'late') => void) | undefined;
  readonly #closeListeners: (() => void)[] = [];
  readonly #writeTimeoutMs: number;
  /** When this session let others have their turn, or ended a response. */
  #turnSinceMs = 0;
  /** Whether {@link endResponse} has left something to be written when nothing more can be done without waiting. */
  #flushing = false;
  readonly #patience = new KeptTimer(() => this.#wake('late'));

  constructor(socket: Socket, framer: Framer, out: Writer, writeTimeoutMs: number) {
    this.framer = framer;
    this.out = out;
    this.#socket = socket;
    this.#writeTimeoutMs = writeTimeoutMs;
    this.#attach();
  }

  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** The names in the peer's certificate, if it has one of our CA. */
  get peerNames(): readonly string[] {
    const socket = this.#socket;
    if (!(socket instanceof TLSSocket) || !socket.authorized) return [];
    const { subject, subjectaltname } = socket.getPeerCertificate();
    const alternatives = (subjectaltname ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
    const commonName: unknown = subject?.CN;
    return [...(typeof commonName === 'string' ? [commonName] : []), ...alternatives.map((name) => name.slice(4))];
  }

  get gone(): boolean {
    return this.#gone;
  }

  #attach(): void {
    this.#socket.on('data', this.#receive);
    // An 'error' is always followed by 'close'; what a broken connection says is of no use to anybody.
    this.#socket.on('error', this.destroy);
    // A client that half-closes may still read what it asked for; there will be no more commands.
    this.#socket.on('end', this.#lose);
    this.#socket.on('close', this.#lose);
  }

  #detach(): void {
    this.#socket.off('data', this.#receive);
    this.#socket.off('error', this.destroy);
    this.#socket.off('end', this.#lose);
    this.#socket.off('close', this.#lose);
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#compression === undefined) this.#take(chunk);
    else if (!this.#compression.push(chunk)) this.#socket.pause();
  };

  /** Octets of the protocol, whatever layers they came through. */
  readonly #take = (chunk: Buffer): void => {
    this.framer.push(chunk);
    if (this.framer.bufferedBytes > READ_AHEAD_BYTES) {
      this.#compression?.pauseInput();
      this.#socket.pause();
    }
    this.#wake();
  };

  readonly #lose = (): void => {
    if (this.#gone) return;
    this.#gone = true;
    this.#patience.stop();
    this.#wake();
    this.#onceClosed?.();
    for (const listener of this.#closeListeners) listener();
  };

  /** Called when the peer is gone. */
  onClose(listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  #wake(late?: 'late'): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    this.#turnSinceMs = performance.now();
    wake?.(late);
  }

  /**
   * Waits for the next frame. `timeout` after so many milliseconds without any bytes, `interrupted` when `interrupt` fires
   * first; rejects with {@link ConnectionGone} when the peer left.
   */
  frame(
    timeoutMs: number,
    interrupt?: (fire: () => void) => void,
  ): Promise<FrameOf<Framer> | 'timeout' | 'interrupted'> {
    return this.taken(
      () => this.nextFrame(),
      () => timeoutMs,
      interrupt,
    );
  }

  /** The same up to a moment (of `performance.now()`), however slowly bytes come in. */
  frameBefore(
    deadlineMs: number,
    interrupt?: (fire: () => void) => void,
  ): Promise<FrameOf<Framer> | 'timeout' | 'interrupted'> {
    return this.taken(
      () => this.nextFrame(),
      () => deadlineMs - performance.now(),
      interrupt,
    );
  }

  /** A frame that has come already. */
  nextFrame(): FrameOf<Framer> | undefined {
    return this.framer.next() as FrameOf<Framer> | undefined;
  }

  /** Waits until `take` finds what it wants in the framer; `waitMs` is asked anew for each wait, and 0 is past the deadline. */
  protected async taken<T>(
    take: () => T | undefined,
    waitMs: () => number,
    interrupt?: (fire: () => void) => void,
  ): Promise<T | 'timeout' | 'interrupted'> {
    let interrupted = false;
    interrupt?.(() => {
      interrupted = true;
      this.#wake();
    });
    for (;;) {
      const found = take();
      if (found !== undefined) return found;
      if (interrupted) return 'interrupted';
      const left = waitMs();
      if (left <= 0 || (await this.#moreInput(left)) === 'timeout') return 'timeout';
    }
  }

  #moreInput(timeoutMs: number): Promise<'input' | 'timeout'> {
    if (this.#gone) return Promise.reject(new ConnectionGone());
    return new Promise((resolve, reject) => {
      this.#wakeReader = (late) => {
        if (late === 'late') resolve('timeout');
        else if (this.#gone && this.framer.bufferedBytes === 0) reject(new ConnectionGone());
        else resolve('input');
      };
      this.#patience.set(timeoutMs);
      this.#compression?.resumeInput();
      this.#socket.resume();
    });
  }

  /**
   * Hands what is written to the socket, and waits while the peer is slow. With `all` false only whole pieces; a peer that takes them
   * as quickly as they are written must not keep the process for itself, so that others have their turn in between.
   */
  async flow(all = false): Promise<void> {
    const now = performance.now();
    if (!all && this.out.pendingBytes >= PIECE_BYTES && now - this.#turnSinceMs > TURN_MS) {
      await otherSessions();
      this.#turnSinceMs = performance.now();
    } else if (all) this.#turnSinceMs = now;
    if (this.#compression !== undefined) return this.#flowCompressed(this.#compression, all);
    if (this.#write(all)) await this.#drained();
  }

  /**
   * {@link flow} behind a whole response. Where the client has sent more, what is written goes out together with the answers to that, as far as these
   * wait for nothing: commands that came together are answered by one write. Others have their turn in between all the same.
   *
   * @param more whether commands are waiting that were taken out of the input already
   */
  endResponse(more: boolean): Promise<void> {
    const alone = !more && this.framer.bufferedBytes === 0;
    if (alone || this.#compression !== undefined) return this.flow(true);
    if (performance.now() - this.#turnSinceMs > TURN_MS) return this.#flowAndLetOthers();
    if (this.out.pendingBytes >= PIECE_BYTES) return this.flow(false);
    if (!this.#flushing) process.nextTick(this.#flush);
    this.#flushing = true;
    return NOTHING_TO_WAIT_FOR;
  }

  async #flowAndLetOthers(): Promise<void> {
    await this.flow(true);
    await otherSessions();
    this.#turnSinceMs = performance.now();
  }

  /** The session has done what it could without waiting for anybody. */
  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#compression === undefined && !this.#socket.destroyed) this.#write(true);
  };

  /** True when the peer is slow. */
  #write(all: boolean): boolean {
    let full = false;
    for (const { piece, length } of this.out.takeFilled(all)) {
      if (this.#socket.destroyed) throw new ConnectionGone();
      full = !this.#socket.write(piece.subarray(0, length), () => recyclePiece(piece));
    }
    return full;
  }

  async #flowCompressed(compression: Compression, all: boolean): Promise<void> {
    const pieces = this.out.takeFilled(all);
    if (pieces.length === 0) return;
    if (this.#socket.destroyed) throw new ConnectionGone();
    const timer = setTimeout(this.destroy, this.#writeTimeoutMs);
    const gone = new Promise<never>((_, reject) => {
      this.#onceClosed = () => reject(new ConnectionGone());
    });
    gone.catch(() => undefined);
    try {
      for (const { piece, length } of pieces) {
        await Promise.race([compression.write(piece.subarray(0, length)), gone]);
        recyclePiece(piece);
      }
      if (all) await Promise.race([compression.flush(), gone]);
    } finally {
      clearTimeout(timer);
      this.#onceClosed = undefined;
    }
  }

  /** RFC 4978: both directions are deflated from the next octet on. Call it after the tagged OK was handed over. */
  async startCompression(): Promise<void> {
    await this.flow(true);
    const socket = this.#socket;
    const compression = new Compression({
      received: this.#take,
      send: (chunk) => socket.write(chunk),
      broken: this.destroy,
    });
    socket.on('drain', () => {
      compression.resumeOutput();
    });
    this.#compression = compression;
    const early = this.framer.takeRest();
    if (early.length > 0) compression.push(early);
  }

  get compressed(): boolean {
    return this.#compression !== undefined;
  }

  /** RFC 8437 §4: the layer ends behind the tagged OK of UNAUTHENTICATE. */
  async stopCompression(): Promise<void> {
    await this.flow(true);
    this.#compression?.destroy();
    this.#compression = undefined;
  }

  #drained(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        socket.off('drain', done);
        socket.off('close', done);
        if (socket.destroyed) reject(new ConnectionGone());
        else resolve();
      };
      const timer = setTimeout(() => socket.destroy(), this.#writeTimeoutMs);
      socket.on('drain', done);
      socket.on('close', done);
    });
  }

  /** Begins TLS. What was received before does not count (RFC 9051 §6.2.1, RFC 2595 §4, RFC 5804 §2.2). */
  async startTls(context: SecureContext, requestCert: boolean): Promise<void> {
    const plain = this.#socket;
    plain.off('data', this.#receive);
    plain.pause();
    this.framer.discard();
    await this.flow(true);
    this.#detach();
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      requestCert,
      rejectUnauthorized: false,
    });
    this.#socket = secure;
    plain.on('error', () => secure.destroy());
    plain.on('close', () => secure.destroy());
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => secure.destroy(), this.#writeTimeoutMs);
      secure.once('secure', () => {
        clearTimeout(timer);
        resolve();
      });
      secure.once('error', () => secure.destroy());
      // Who leaves before there is a layer has nothing more to read.
      const left = (): void => void secure.destroy();
      secure.once('end', left);
      secure.once('secure', () => secure.off('end', left));
      secure.once('close', () => {
        clearTimeout(timer);
        reject(new ConnectionGone());
      });
    });
    this.#attach();
  }

  /** Sends what is left, then closes; a peer that does not take it is cut off. */
  async end(): Promise<void> {
    try {
      await this.flow(true);
    } catch (error) {
      if (!(error instanceof ConnectionGone)) throw error;
    }
    this.#compression?.destroy();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 2000).unref();
  }

  readonly destroy = (): void => {
    this.#socket.destroy();
  };
}
