import { connect, type Socket } from 'node:net';

/** What came for one command. */
export interface ImapAnswer {
  /** `OK`, `NO` or `BAD`. */
  readonly status: string;
  readonly milliseconds: number;
  readonly octets: number;
  /** The last octets, at most {@link TAIL_OCTETS}: the tagged line, and all of a short response. */
  readonly tail: string;
}

const TAIL_OCTETS = 4_096;
const DEADLINE_MS = 120_000;

/** Between two looks whether an answer is late. */
const LOOK_MS = 1_000;
const LINE_FEED = 10;

/** A client that does as little as possible, so that what is measured is the server: counts the octets of responses and looks for the tagged line. */
export class ImapWire {
  readonly #socket: Socket;
  /** One for all commands: a timer for each would cost more than some servers need to answer. */
  readonly #watch: NodeJS.Timeout;
  #lateAt = Number.POSITIVE_INFINITY;
  #waitsFor = '';
  #count = 0;
  #octets = 0;
  #tail = '';
  #check: (() => void) | undefined;
  #fail: ((fault: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#octets += chunk.length;
      const text = chunk.toString('latin1', Math.max(0, chunk.length - TAIL_OCTETS));
      this.#tail = (this.#tail + text).slice(-TAIL_OCTETS);
      this.#check?.();
    });
    const lost = (fault?: Error): void => this.#fail?.(fault ?? new Error('the server closed the connection'));
    socket.on('error', lost);
    socket.on('close', () => lost());
    this.#watch = setInterval(() => {
      if (performance.now() > this.#lateAt) lost(new Error(`no answer to ${this.#waitsFor}: ${this.#tail}`));
    }, LOOK_MS).unref();
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<ImapWire> {
    const socket = connect(port, host);
    const wire = new ImapWire(socket);
    await wire.#until(() => (wire.#tail.includes('\r\n') ? 'OK' : undefined), 'greeting');
    return wire;
  }

  async login(user: string, password: string): Promise<void> {
    const { status, tail } = await this.command(`LOGIN ${user} ${password}`);
    if (status !== 'OK') throw new Error(`LOGIN ${user}: ${tail}`);
  }

  /** Sends a command, of several pieces where it has literals (LITERAL+), and waits for its tagged line. */
  async command(...pieces: (string | Buffer)[]): Promise<ImapAnswer> {
    const tag = `b${++this.#count}`;
    return await this.#exchange(tag, [`${tag} `, ...pieces, '\r\n']);
  }

  /** Sends commands all at once, and waits for the tagged line of the last. */
  async together(commands: readonly string[]): Promise<ImapAnswer> {
    const tags = commands.map(() => `b${++this.#count}`);
    return await this.#exchange(tags.at(-1) ?? '', [commands.map((text, i) => `${tags[i]} ${text}\r\n`).join('')]);
  }

  /** Begins IDLE; the function that comes back waits for an EXISTS, and ends IDLE. */
  async idle(): Promise<() => Promise<void>> {
    this.#tail = '';
    const tag = `b${++this.#count}`;
    this.#socket.write(`${tag} IDLE\r\n`);
    await this.#until(() => (/^\+/m.test(this.#tail) ? 'OK' : undefined), 'IDLE');
    return async () => {
      await this.#until(() => (/^\* \d+ EXISTS\r$/m.test(this.#tail) ? 'OK' : undefined), 'EXISTS');
      const until = this.#exchange(tag, ['DONE\r\n']);
      await until;
    };
  }

  close(): void {
    this.#fail = undefined;
    clearInterval(this.#watch);
    this.#socket.destroy();
  }

  async #exchange(tag: string, pieces: readonly (string | Buffer)[]): Promise<ImapAnswer> {
    this.#tail = '';
    this.#octets = 0;
    const start = performance.now();
    if (pieces.every((piece) => typeof piece === 'string')) this.#socket.write(pieces.join(''));
    else {
      this.#socket.cork();
      for (const piece of pieces) this.#socket.write(piece);
      this.#socket.uncork();
    }
    const status = await this.#until(() => this.#statusOf(tag), tag);
    return { status, milliseconds: performance.now() - start, octets: this.#octets, tail: this.#tail };
  }

  /** What the last line says, once it is whole and begins with the tag. */
  #statusOf(tag: string): string | undefined {
    const tail = this.#tail;
    if (tail.charCodeAt(tail.length - 1) !== LINE_FEED) return undefined;
    const line = tail.lastIndexOf('\n', tail.length - 2) + 1;
    if (!tail.startsWith(`${tag} `, line)) return undefined;
    const from = line + tag.length + 1;
    const end = tail.indexOf(' ', from);
    return tail.slice(from, end < 0 ? tail.length - 2 : end);
  }

  #until(found: () => string | undefined, what: string): Promise<string> {
    return new Promise((done, fail) => {
      const end = (): void => {
        this.#lateAt = Number.POSITIVE_INFINITY;
        this.#check = undefined;
        this.#fail = undefined;
      };
      this.#waitsFor = what;
      this.#lateAt = performance.now() + DEADLINE_MS;
      this.#fail = (fault) => {
        end();
        fail(fault);
      };
      this.#check = () => {
        const text = found();
        if (text === undefined) return;
        end();
        done(text);
      };
      this.#check();
    });
  }
}
