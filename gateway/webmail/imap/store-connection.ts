import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { TlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type CommandPart, type ImapCommand, imap } from './codec/command.ts';
import { type RawResponse, ResponseReader } from './codec/response-reader.ts';
import { storeContext } from './store-context.ts';

/** How the store is reached: over TLS always, with this host's certificate. */
export interface StoreEndpoint {
  readonly host: string;
  readonly port: number;
  readonly security: 'implicit' | 'starttls';
  /** Name that its certificate must carry. */
  readonly serverName: string;
  readonly ca: string;
  readonly identity: TlsIdentity;
  /** Address of the private leg, from which every connection leaves. */
  readonly localAddress: string;
}

/** The tagged answer to a command. */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** Response code in upper case with its arguments (RFC 9051 §7.1): `APPENDUID 1 5`. */
  readonly code: string;
  readonly text: string;
}

/** The store cannot be reached, or went away. What was asked may be asked again. */
export class StoreUnavailable extends Error {}

/** The store said NO or BAD to something that should have worked. */
export class CommandRefused extends Error {
  readonly completion: Completion;

  constructor(completion: Completion) {
    super(`${completion.status} [${completion.code}] ${completion.text}`);
    this.completion = completion;
  }
}

/** Sees each untagged response while a command runs. */
export type ResponseListener = (response: RawResponse) => void;

const CONNECT_MS = 10_000;
const COMMAND_MS = 60_000;
/** RFC 7888 §5: more waits for a continuation, unless the store offers LITERAL+. */
const LITERAL_MINUS_BYTES = 4096;

interface Running {
  readonly tag: string;
  readonly listener: ResponseListener | undefined;
  readonly done: (completion: Completion) => void;
  readonly failed: (error: Error) => void;
}

/**
 * One IMAP connection to the store: the only way inwards (the protocol break). It exists over TLS with a verified certificate or
 * not at all. Commands run one after the other, in the order in which they were given.
 */
export class StoreConnection {
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  #running: Running | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #continuation: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #fault: Error | undefined;
  #capabilities: ReadonlySet<string> = new Set();
  /** Hears what comes while no command runs, and what none listens to. */
  onUnasked: ResponseListener | undefined;
  onClosed: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(endpoint: StoreEndpoint): Promise<StoreConnection> {
    const socket = await openSocket(endpoint);
    const connection = new StoreConnection(socket);
    try {
      await connection.#begin(endpoint.security === 'implicit');
      return connection;
    } catch (error) {
      connection.destroy();
      throw error instanceof StoreUnavailable ? error : new StoreUnavailable((error as Error).message);
    }
  }

  get closed(): boolean {
    return this.#fault !== undefined;
  }

  has(capability: string): boolean {
    return this.#capabilities.has(capability);
  }

  /** Runs a command and hands its untagged responses to the listener. Resolves with whatever the store answers. */
  run(command: ImapCommand, listener?: ResponseListener, timeoutMs = COMMAND_MS): Promise<Completion> {
    const result = this.#turn.then(() => this.#run(command, listener, timeoutMs));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** What a challenge of a SASL mechanism is answered with, in base64. */
  answerChallengesWith(response: string): void {
    this.#continuation = () => void this.#send(Buffer.from(`${response}\r\n`)).catch(() => undefined);
  }

  /** The same for a command that must not fail. */
  async must(command: ImapCommand, listener?: ResponseListener): Promise<Completion> {
    const completion = await this.run(command, listener);
    if (completion.status !== 'OK') throw new CommandRefused(completion);
    return completion;
  }

  async askCapabilities(): Promise<void> {
    await this.must(imap`CAPABILITY`, ({ lines: [line = ''] }) => {
      if (/^\* CAPABILITY /i.test(line)) this.#capabilities = new Set(line.slice(13).toUpperCase().split(' '));
    });
  }

  /** Ends in good order, without waiting for it. */
  close(): void {
    if (this.closed) return;
    void this.run(imap`LOGOUT`, undefined, 2_000).then(
      () => this.destroy(),
      () => this.destroy(),
    );
  }

  destroy(cause = 'closed'): void {
    if (this.#fault !== undefined) return;
    this.#fault = new StoreUnavailable(cause);
    this.#socket.destroy();
    clearTimeout(this.#timer);
    this.#running?.failed(this.#fault);
    this.#running = undefined;
    this.onClosed?.();
  }

  async #begin(greets: boolean): Promise<void> {
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 60_000);
    this.#socket.on('error', (error) => this.destroy(error.message));
    this.#socket.on('close', () => this.destroy('the store closed the connection'));
    const greeting = greets ? this.#greeting() : undefined;
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    await greeting;
    await this.askCapabilities();
  }

  /** RFC 9051 §7.1.1: the first line, before any command. */
  #greeting(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running = {
        tag: '*',
        listener: undefined,
        done: ({ status }) => (status === 'OK' ? resolve() : reject(new StoreUnavailable('the store refuses'))),
        failed: reject,
      };
      this.#watch(CONNECT_MS);
    });
  }

  async #run(command: ImapCommand, listener: ResponseListener | undefined, timeoutMs: number): Promise<Completion> {
    if (this.#fault !== undefined) throw this.#fault;
    this.#count += 1;
    const tag = `w${this.#count}`;
    const completion = new Promise<Completion>((done, failed) => {
      this.#running = { tag, listener, done, failed };
    });
    // The answer may come, and be refused, before the last piece was written.
    completion.catch(() => undefined);
    this.#watch(timeoutMs);
    await this.#write(tag, command);
    return completion;
  }

  async #write(tag: string, command: ImapCommand): Promise<void> {
    let text = `${tag} `;
    for (const part of command) {
      if (typeof part === 'string') {
        text += part;
        continue;
      }
      const size = Buffer.isBuffer(part) ? part.length : part.size;
      const waits = !this.has('LITERAL+') && size > LITERAL_MINUS_BYTES;
      const goOn = waits ? this.#awaitContinuation() : undefined;
      await this.#send(Buffer.from(`${text}{${size}${waits ? '' : '+'}}\r\n`, 'latin1'));
      text = '';
      await goOn;
      // NO or BAD instead of the continuation: the octets are not wanted.
      if (this.#running?.tag !== tag) return;
      await this.#sendLiteral(part, size);
    }
    await this.#send(Buffer.from(`${text}\r\n`, 'latin1'));
  }

  async #sendLiteral(part: Exclude<CommandPart, string>, size: number): Promise<void> {
    if (Buffer.isBuffer(part)) return this.#send(part);
    let left = size;
    try {
      for await (const chunk of part.chunks()) {
        left -= chunk.length;
        if (left < 0) break;
        await this.#send(chunk);
        // The answer may have come already: then nobody is waited for.
        if (this.#running !== undefined) this.#watch(COMMAND_MS);
      }
    } catch (error) {
      left = -1;
      this.destroy('a literal could not be read');
      throw error;
    }
    // Of a literal with another size than announced, the rest would be read as commands.
    if (left !== 0) {
      this.destroy('a literal with another size than announced');
      throw new StoreUnavailable('a literal with another size than announced');
    }
  }

  #awaitContinuation(): Promise<void> {
    return new Promise((resolve) => {
      this.#continuation = resolve;
    });
  }

  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) return reject(this.#fault);
      if (this.#socket.write(bytes)) return resolve();
      const settle = (): void => {
        this.#socket.off('drain', settle);
        this.#socket.off('close', settle);
        if (this.#fault === undefined) resolve();
        else reject(this.#fault);
      };
      this.#socket.on('drain', settle);
      this.#socket.on('close', settle);
    });
  }

  #watch(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.destroy('the store did not answer in time'), timeoutMs);
  }

  #take(chunk: Buffer): void {
    try {
      for (const response of this.#reader.push(chunk)) this.#dispatch(response);
    } catch (error) {
      this.destroy((error as Error).message);
    }
  }

  #dispatch(response: RawResponse): void {
    const line = response.lines[0] ?? '';
    const running = this.#running;
    if (line.startsWith('+')) {
      this.#goOn();
      return;
    }
    if (running !== undefined && line.startsWith(`${running.tag} `)) {
      const completion = readCompletion(line.slice(running.tag.length + 1));
      if (completion !== undefined) {
        this.#running = undefined;
        clearTimeout(this.#timer);
        running.done(completion);
        this.#goOn();
        return;
      }
    }
    if (running?.listener !== undefined) running.listener(response);
    else this.onUnasked?.(response);
  }

  #goOn(): void {
    this.#continuation?.();
    this.#continuation = undefined;
  }
}

function readCompletion(text: string): Completion | undefined {
  const match = /^(OK|NO|BAD|PREAUTH|BYE)(?: \[([^\]]*)\])?(?: (.*))?$/i.exec(text);
  if (match === null) return undefined;
  const word = (match[1] ?? '').toUpperCase();
  const status = word === 'OK' || word === 'NO' ? word : 'BAD';
  return { status, code: match[2] ?? '', text: match[3] ?? '' };
}

function openSocket(endpoint: StoreEndpoint): Promise<TLSSocket> {
  const { host, port, localAddress, serverName } = endpoint;
  const secure = {
    servername: serverName,
    secureContext: storeContext(endpoint.ca, endpoint.identity),
    rejectUnauthorized: true,
  };
  return new Promise((resolve, reject) => {
    let socket: Socket | TLSSocket;
    const timer = setTimeout(() => fail(new Error('no connection in time')), CONNECT_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new StoreUnavailable(error.message));
    };
    const settled = (tls: TLSSocket): void => {
      clearTimeout(timer);
      socket.off('error', fail);
      tls.off('error', fail);
      resolve(tls);
    };
    const where = { host, port, localAddress };
    if (endpoint.security === 'implicit') {
      const tls = connectTls({ ...where, ...secure }, () => settled(tls));
      socket = tls;
      tls.on('error', fail);
      return;
    }
    const plain = connect(where);
    socket = plain;
    plain.on('error', fail);
    beginTls(plain).then(() => {
      const tls = connectTls({ socket: plain, ...secure }, () => settled(tls));
      tls.on('error', fail);
    }, fail);
  });
}

/** RFC 9051 §6.2.1: greeting, STARTTLS, and nothing between its OK and the handshake (injected answers). */
function beginTls(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    let asked = false;
    const take = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      if (received.length > 4096) end(new Error('no greeting of an IMAP server'));
      if (!received.endsWith('\r\n')) return;
      if (!asked) {
        if (!/^\* OK/i.test(received)) end(new Error('the store refuses'));
        asked = true;
        received = '';
        socket.write('s1 STARTTLS\r\n');
      } else end(/^s1 OK[^\r\n]*\r\n$/i.test(received) ? undefined : new Error('the store refuses STARTTLS'));
    };
    const end = (error?: Error): void => {
      socket.off('data', take);
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('data', take);
  });
}
