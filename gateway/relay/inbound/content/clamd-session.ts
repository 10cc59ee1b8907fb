import { connect, type Socket } from 'node:net';

/** Where clamd listens. */
export type ClamdPlace =
  | { readonly socketPath: string }
  | { readonly socketPath?: undefined; readonly address: string; readonly port: number };

/** What clamd says of one stream. */
export type ClamdAnswer =
  | { readonly kind: 'clean' }
  | { readonly kind: 'virus'; readonly name: string }
  | { readonly kind: 'unavailable'; readonly cause: string }
  /** The connection ended before clamd said a word. */
  | { readonly kind: 'lost'; readonly cause: string };

/** Octets of one chunk of INSTREAM. */
const CHUNK_BYTES = 262_144;
const MAX_ANSWER_BYTES = 4_096;
/** A clamd on another host that drops packets must not use up the time of the message. */
const CONNECT_MS = 5_000;

/** clamd(8): `ID: stream: OK`, `ID: stream: NAME FOUND`, or `… ERROR`, without the NUL that ends it. */
export function parseClamdAnswer(text: string): ClamdAnswer {
  const line = text.replace(/^\d{1,10}: /, '').trim();
  if (line === 'stream: OK') return { kind: 'clean' };
  const name = /^stream: (.+) FOUND$/.exec(line)?.[1];
  if (name !== undefined) return { kind: 'virus', name: name.replace(/[^ -~]/g, '?').slice(0, 200) };
  return { kind: 'unavailable', cause: line === '' ? 'no answer' : line.slice(0, 200) };
}

/** One connection to clamd in a session (clamd(8) IDSESSION), which shows it one stream after the other. */
export class ClamdSession {
  readonly #socket: Socket;
  readonly #connecting: NodeJS.Timeout;
  #request = 0;
  #said = '';
  #fault = 'connection closed';
  #settle: ((answer: ClamdAnswer) => void) | undefined;

  constructor(place: ClamdPlace) {
    const { socketPath } = place;
    this.#socket =
      socketPath === undefined ? connect({ host: place.address, port: place.port }) : connect({ path: socketPath });
    this.#connecting = setTimeout(() => this.#socket.destroy(new Error('no connection in time')), CONNECT_MS);
    this.#socket.write('zIDSESSION\0');
    this.#socket.once('connect', () => clearTimeout(this.#connecting));
    this.#socket.on('data', (chunk) => this.#hear(chunk.toString('latin1')));
    this.#socket.on('error', (error) => {
      this.#fault = error.message;
    });
    this.#socket.once('close', () => {
      clearTimeout(this.#connecting);
      // What it said before the connection broke counts: it answers early when a stream is too long.
      if (this.#said === '') this.#settle?.({ kind: 'lost', cause: this.#fault });
      else this.#settle?.(noVerdict(this.#said, 'the answer was cut short'));
    });
  }

  /** It can take another stream. */
  get usable(): boolean {
    return !this.#socket.destroyed && this.#settle === undefined && this.#said === '';
  }

  /** Shows one stream and waits for the answer. Never rejects; after anything but a verdict the connection is at its end. */
  scan(content: Buffer, timeoutMs: number): Promise<ClamdAnswer> {
    if (!this.usable) return Promise.resolve({ kind: 'lost', cause: this.#fault });
    this.#request++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle?.({ kind: 'unavailable', cause: 'late' }), timeoutMs);
      this.#settle = (answer) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (answer.kind !== 'clean' && answer.kind !== 'virus') this.close();
        resolve(answer);
      };
      void this.#show(content);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(text: string): void {
    this.#said += text;
    const end = this.#said.indexOf('\0');
    if (end === -1 && this.#said.length <= MAX_ANSWER_BYTES) return;
    const answer = this.#said.slice(0, end === -1 ? MAX_ANSWER_BYTES : end);
    this.#said = end === -1 ? '' : this.#said.slice(end + 1);
    // Answers bear the number of their question: an old one, or one that nobody asked for, is no word on this stream.
    const number = /^(\d+): /.exec(answer)?.[1];
    if (this.#settle !== undefined && (number === undefined || Number(number) === this.#request)) {
      this.#settle(number === undefined ? noVerdict(answer, 'an answer without its number') : parseClamdAnswer(answer));
    } else this.close();
  }

  /** clamd(8) INSTREAM: chunks with their length in network order, then a chunk of length zero. */
  async #show(content: Buffer): Promise<void> {
    const socket = this.#socket;
    socket.write('zINSTREAM\0');
    for (let at = 0; at < content.length && !socket.destroyed; at += CHUNK_BYTES) {
      const chunk = content.subarray(at, at + CHUNK_BYTES);
      socket.write(lengthOf(chunk.length));
      if (!socket.write(chunk)) await drained(socket);
    }
    if (!socket.destroyed) socket.write(lengthOf(0));
  }
}

/** What came amiss is no verdict on a stream, whatever it says; an error is told as it is. */
function noVerdict(answer: string, cause: string): ClamdAnswer {
  const parsed = parseClamdAnswer(answer);
  return parsed.kind === 'unavailable' ? parsed : { kind: 'unavailable', cause };
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

function lengthOf(octets: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets);
  return length;
}
