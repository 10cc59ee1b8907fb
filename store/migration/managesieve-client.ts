import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ImapServer } from './imap.ts';
import { SourceFault, type SourceScript } from './source.ts';

/** Scripts of an account are small; a server that sends more than this is none. */
const MAX_RESPONSE_BYTES = 16_777_216;
const TIMEOUT_MS = 30_000;

/** Reads the Sieve scripts of an account from another server (RFC 5804); nothing there is changed. */
export async function fetchScripts(server: ImapServer): Promise<SourceScript[]> {
  const session = await Session.open(server);
  try {
    const listed = await session.command('LISTSCRIPTS');
    const scripts: SourceScript[] = [];
    for (const { texts, rest } of listed) {
      const [name] = texts;
      if (name === undefined) continue;
      const [answer] = await session.command(`GETSCRIPT ${quoted(name)}`);
      scripts.push({ name, text: answer?.texts[0] ?? '', active: /\bACTIVE\b/i.test(rest) });
    }
    return scripts;
  } finally {
    session.close();
  }
}

/** One line of an answer: its strings, and what stands outside of them. */
interface Line {
  readonly texts: readonly string[];
  readonly rest: string;
}

class Session {
  readonly #where: string;
  #socket: Socket | TLSSocket;
  #input = Buffer.alloc(0);

  constructor(where: string, socket: Socket) {
    this.#where = where;
    this.#socket = socket;
  }

  static async open(server: ImapServer): Promise<Session> {
    const { host, port, tls, ca } = server;
    const where = `${host}:${port} (ManageSieve)`;
    const trust = ca === undefined ? {} : { ca };
    const socket =
      tls === 'implicit' ? connectTls({ host, port, servername: host, ...trust }) : connectPlain({ host, port });
    const session = new Session(where, socket);
    try {
      await session.#ready(tls === 'implicit' ? 'secureConnect' : 'connect');
      await session.#answer();
      if (tls === 'starttls') {
        await session.command('STARTTLS');
        session.#socket = connectTls({ socket, servername: host, ...trust });
        session.#input = Buffer.alloc(0);
        await session.#ready('secureConnect');
        await session.#answer();
      }
      // RFC 4616: whose mail, who signs in, the password.
      const plain = [server.onBehalfOf ?? '', server.user, server.password].join('\0');
      await session.command(`AUTHENTICATE "PLAIN" "${Buffer.from(plain).toString('base64')}"`, 'AUTHENTICATE');
      return session;
    } catch (fault) {
      session.close();
      throw fault;
    }
  }

  /** Lines of the answer before its OK. @param told stands for the command in a fault's sentence */
  async command(line: string, told = line): Promise<Line[]> {
    this.#socket.write(`${line}\r\n`);
    return this.#answer(told);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ready(event: 'connect' | 'secureConnect'): Promise<void> {
    await this.#awaited((signal) => once(this.#socket, event, { signal }));
  }

  /** RFC 5804 §1.2: lines until OK; NO and BYE say why not. */
  async #answer(told = 'the greeting'): Promise<Line[]> {
    const lines: Line[] = [];
    for (;;) {
      const line = await this.#line();
      if (line.texts.length === 0 || /^\s*(OK|NO|BYE)\b/i.test(line.rest)) {
        if (/^\s*OK\b/i.test(line.rest)) return lines;
        if (/^\s*(NO|BYE)\b/i.test(line.rest))
          throw new SourceFault(`${this.#where} refuses ${told}: ${line.texts.join(' ') || line.rest.trim()}`);
      }
      lines.push(line);
    }
  }

  async #line(): Promise<Line> {
    const texts: string[] = [];
    let rest = '';
    for (;;) {
      const end = await this.#find('\r\n');
      const part = this.#take(end).toString('utf8');
      this.#take(2);
      const literal = /\{(\d+)\+?\}$/.exec(part);
      rest += part.replace(/\{\d+\+?\}$/, '').replaceAll(/"((?:[^"\\]|\\.)*)"/g, (_, text: string) => {
        texts.push(text.replaceAll(/\\(.)/g, '$1'));
        return '';
      });
      if (literal === null) return { texts, rest };
      const size = Number(literal[1]);
      if (size > MAX_RESPONSE_BYTES) throw new SourceFault(`${this.#where} sends too much`);
      while (this.#input.length < size) await this.#more();
      texts.push(this.#take(size).toString('utf8'));
    }
  }

  async #find(text: string): Promise<number> {
    for (;;) {
      const at = this.#input.indexOf(text);
      if (at >= 0) return at;
      await this.#more();
    }
  }

  #take(count: number): Buffer {
    const taken = this.#input.subarray(0, count);
    this.#input = this.#input.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#input.length > MAX_RESPONSE_BYTES) throw new SourceFault(`${this.#where} sends too much`);
    const waiting = this.#socket.read() as Buffer | null;
    if (waiting !== null) {
      this.#input = Buffer.concat([this.#input, waiting]);
      return;
    }
    if (this.#socket.readableEnded) throw new SourceFault(`${this.#where} has closed the connection`);
    await this.#awaited((signal) =>
      Promise.race([once(this.#socket, 'readable', { signal }), once(this.#socket, 'end', { signal })]),
    );
  }

  async #awaited(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
    try {
      await work(limit.signal);
    } catch (cause) {
      const why = (cause as Error).name === 'AbortError' ? 'does not answer' : (cause as Error).message;
      throw new SourceFault(`${this.#where}: ${why}`, { cause });
    } finally {
      clearTimeout(timer);
      limit.abort();
    }
  }
}

/** RFC 5804 §4: a quoted string; names with what it cannot hold are not given by servers. */
function quoted(name: string): string {
  return `"${name.replaceAll(/[\\"]/g, '\\$&')}"`;
}
