import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib';

/**
 * A conversation as a text file, one step a line:
 *
 * ```text
 * # a comment
 * @ maxRecipients 2          a setting of the service, by name, as JSON
 * C: NOOP                    the client sends this line and CRLF
 * C> no CRLF\nafter this     the client sends these octets; \r \n \0 \t \\ \xNN stand for one octet
 * S: 250 2.0.0 OK            the server's next line is this; `*` stands for anything
 * S: /^250 /                 … or matches this regular expression
 * S~ * 3 EXISTS              one of a run of such lines, which come in any order
 * S* a OK *                  the server's lines are passed over until this one
 * S. (closed)                the server closes, and says nothing before
 * C! deflate                 from here on both sides speak DEFLATE (RFC 4978)
 * C! tls                     from here on it is TLS, whoever the server is
 * ```
 *
 * `%{name}` in a line of the server stands for anything, which is kept; after that, and in lines of the client, it stands for
 * what was kept.
 *
 * `C1:` and `C2:` (`S1:`, `S2:` …) are two connections; without a number it is the first. A connection opens with its
 * first step.
 */
export interface Dialogue {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly steps: readonly Step[];
}

type Step =
  | { readonly kind: 'send'; readonly at: number; readonly connection: number; readonly octets: Buffer }
  | { readonly kind: 'expect'; readonly at: number; readonly connection: number; readonly line: LinePattern }
  | { readonly kind: 'pass'; readonly at: number; readonly connection: number; readonly line: LinePattern }
  | { readonly kind: 'any-order'; readonly at: number; readonly connection: number; readonly lines: LinePattern[] }
  | { readonly kind: 'closed'; readonly at: number; readonly connection: number }
  | { readonly kind: 'deflate' | 'tls'; readonly at: number; readonly connection: number };

interface LinePattern {
  readonly text: string;
  /** Whether a line of the server is this, given what was kept; keeps what it names. */
  matches(heard: string, kept: Map<string, string>): boolean;
}

/** Opens connection `n` to the service that the dialogue talks to. */
export type OpenConnection = (n: number) => Promise<Socket>;

/** A service under test, started for one dialogue with the dialogue's settings. */
export interface DialogueService {
  readonly open: OpenConnection;
  readonly close: () => Promise<void>;
}

/** Reads a dialogue; throws with the number of a line that is none. */
export function parseDialogue(name: string, text: string): Dialogue {
  const settings: Record<string, unknown> = {};
  const steps: Step[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const at = index + 1;
    if (raw.trim() === '' || raw.startsWith('#')) continue;
    const setting = /^@ (\w+) (.+)$/.exec(raw);
    if (setting !== null) {
      settings[setting[1] ?? ''] = JSON.parse(setting[2] ?? '') as unknown;
      continue;
    }
    const step = /^([CS])(\d?)([:>~*.!]) ?(.*)$/.exec(raw);
    if (step === null) throw new Error(`${name}:${at}: not a step: ${raw}`);
    const [, who, number, form, rest = ''] = step;
    steps.push(parseStep(`${who}${form}`, at, number === '' ? 1 : Number(number), rest, steps.at(-1), name));
    if (steps.at(-1) === steps.at(-2)) steps.pop();
  }
  return { name, settings, steps };
}

function parseStep(
  form: string,
  at: number,
  connection: number,
  rest: string,
  last: Step | undefined,
  name: string,
): Step {
  switch (form) {
    case 'C:':
      return { kind: 'send', at, connection, octets: Buffer.from(`${rest}\r\n`) };
    case 'C>':
      return { kind: 'send', at, connection, octets: octetsOf(rest) };
    case 'S:':
      return { kind: 'expect', at, connection, line: linePattern(rest) };
    case 'S*':
      return { kind: 'pass', at, connection, line: linePattern(rest) };
    case 'S.':
      return { kind: 'closed', at, connection };
    case 'C!':
      if (rest !== 'deflate' && rest !== 'tls') throw new Error(`${name}:${at}: no such change: ${rest}`);
      return { kind: rest, at, connection };
    case 'S~':
      if (last?.kind === 'any-order' && last.connection === connection) {
        last.lines.push(linePattern(rest));
        return last;
      }
      return { kind: 'any-order', at, connection, lines: [linePattern(rest)] };
    default:
      throw new Error(`${name}:${at}: no such step: ${form}`);
  }
}

function linePattern(text: string): LinePattern {
  const regular = /^\/(.*)\/(i?)$/.exec(text);
  if (regular !== null) {
    const pattern = new RegExp(regular[1] ?? '', regular[2]);
    return { text, matches: (heard) => pattern.test(heard) };
  }
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const parts = text.split(/(\*|%\{\w+\})/);
  return {
    text,
    matches(heard, kept) {
      const source = parts.map((part) => {
        if (part === '*') return '.*';
        const name = /^%\{(\w+)\}$/.exec(part)?.[1];
        if (name === undefined) return literal(part);
        const known = kept.get(name);
        return known === undefined ? `(?<${name}>.+?)` : literal(known);
      });
      const match = new RegExp(`^${source.join('')}$`, 's').exec(heard);
      for (const [name, value] of Object.entries(match?.groups ?? {})) kept.set(name, value);
      return match !== null;
    },
  };
}

/** What the client sends, with what was kept in the place of its names. */
function filled(octets: Buffer, kept: ReadonlyMap<string, string>): Buffer {
  if (kept.size === 0) return octets;
  const text = octets.toString('latin1').replace(/%\{(\w+)\}/g, (all, name: string) => kept.get(name) ?? all);
  return Buffer.from(text, 'latin1');
}

function octetsOf(text: string): Buffer {
  const octets: Buffer[] = [];
  for (const [token] of text.matchAll(/\\x[0-9a-f]{2}|\\.|[^\\]+/gi)) {
    if (/^\\x/i.test(token)) octets.push(Buffer.from(token.slice(2), 'hex'));
    else if (token.startsWith('\\'))
      octets.push(Buffer.from({ r: '\r', n: '\n', t: '\t', '0': '\0' }[token[1]!] ?? token[1]!));
    else octets.push(Buffer.from(token));
  }
  return Buffer.concat(octets);
}

const DEADLINE_MS = 60_000;

/** Plays a dialogue; rejects at the first step that goes otherwise, with file, line and what was heard. */
export async function playDialogue(dialogue: Dialogue, open: OpenConnection): Promise<void> {
  const lines = new Map<number, Lines>();
  const kept = new Map<string, string>();
  const connected = async (n: number): Promise<Lines> => {
    const known = lines.get(n);
    if (known !== undefined) return known;
    const made = new Lines(await open(n));
    lines.set(n, made);
    return made;
  };
  try {
    for (const step of dialogue.steps) {
      const connection = await connected(step.connection);
      try {
        await playStep(step, connection, kept);
      } catch (error) {
        throw new Error(`${dialogue.name}:${step.at}: ${(error as Error).message}`);
      }
    }
  } finally {
    for (const each of lines.values()) each.socket.destroy();
  }
}

async function playStep(step: Step, connection: Lines, kept: Map<string, string>): Promise<void> {
  switch (step.kind) {
    case 'send':
      connection.write(filled(step.octets, kept));
      return;
    case 'deflate':
      connection.deflate();
      return;
    case 'tls':
      await connection.secure();
      return;
    case 'expect': {
      const heard = await connection.next();
      if (heard === undefined || !step.line.matches(heard, kept)) throw differs(step.line.text, heard);
      return;
    }
    case 'pass':
      for (;;) {
        const heard = await connection.next();
        if (heard === undefined) throw differs(step.line.text, heard);
        if (step.line.matches(heard, kept)) return;
      }
    case 'any-order': {
      const due = [...step.lines];
      while (due.length > 0) {
        const heard = await connection.next();
        const found = heard === undefined ? -1 : due.findIndex((line) => line.matches(heard, kept));
        if (found < 0) throw differs(`one of ${due.map(({ text }) => text).join(' | ')}`, heard);
        due.splice(found, 1);
      }
      return;
    }
    case 'closed': {
      const heard = await connection.next();
      if (heard !== undefined) throw differs('the end of the connection', heard);
    }
  }
}

function differs(expected: string, heard: string | undefined): Error {
  return new Error(`expected ${expected}\n   heard ${heard ?? 'the end of the connection'}`);
}

/** What a server says, line by line; a line ends in CRLF alone. */
class Lines {
  socket: Socket;
  #rest = '';
  #inflater: InflateRaw | undefined;
  #deflater: DeflateRaw | undefined;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => {
      if (this.#inflater === undefined) this.#hear(chunk);
      else this.#inflater.write(chunk);
    });
    for (const event of ['end', 'close', 'error']) {
      this.socket.on(event, () => {
        this.#closed = true;
        this.#wake();
      });
    }
  }

  /** The handshake behind the OK of STARTTLS; the certificate is not what is looked at here. */
  async secure(): Promise<void> {
    this.socket.removeAllListeners('data');
    const secure = connectTls({ socket: this.socket, rejectUnauthorized: false });
    this.socket = secure;
    await once(secure, 'secureConnect');
    this.#listen();
  }

  write(octets: Buffer): void {
    if (this.#deflater === undefined) this.socket.write(octets);
    else {
      this.#deflater.write(octets);
      this.#deflater.flush(constants.Z_SYNC_FLUSH);
    }
  }

  /** RFC 4978 §3: right behind the tagged OK, in both directions. */
  deflate(): void {
    this.#inflater = createInflateRaw();
    this.#inflater.on('data', (chunk: Buffer) => this.#hear(chunk));
    this.#deflater = createDeflateRaw();
    this.#deflater.on('data', (chunk: Buffer) => this.socket.write(chunk));
  }

  #hear(chunk: Buffer): void {
    this.#rest += chunk.toString('utf8');
    this.#wake();
  }

  /** The next line without CRLF; undefined at the end of the connection. */
  async next(): Promise<string | undefined> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const passed = once(deadline, 'abort');
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 2);
        return line;
      }
      if (this.#closed) return undefined;
      if (deadline.aborted) throw new Error(`the server is silent; heard so far ${JSON.stringify(this.#rest)}`);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, passed]);
    }
  }
}
