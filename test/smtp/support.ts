import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { issueCertificate, makeAuthority } from '@postern/infra/pki/authority.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import {
  type Listener,
  type ListenerOptions,
  type ReceivedEnvelope,
  type SmtpHandlers,
  startListener,
} from '@postern/shared/smtp/listener.ts';
import { reply } from '@postern/shared/smtp/reply.ts';

/** A CA, a server certificate for 127.0.0.1 and a client certificate, made once for a test file. */
export async function makeCertificates() {
  const authority = await makeAuthority('Postern test CA');
  const server = await issueCertificate(authority, {
    commonName: 'store.test',
    names: ['store.test', '127.0.0.1'],
    uses: ['server'],
  });
  const client = await issueCertificate(authority, {
    commonName: 'relay.test',
    names: ['relay.test'],
    uses: ['client'],
  });
  return { ca: authority.cert, server, client };
}

export interface Received {
  readonly envelope: ReceivedEnvelope;
  readonly content: Buffer;
}

/** A listener that takes everything but recipients that begin with `no`, and keeps what it got. */
export async function startTestListener(
  own: Partial<ListenerOptions> & { readonly with?: Partial<SmtpHandlers> } = {},
): Promise<{ listener: Listener; received: Received[]; refusals: string[] }> {
  const received: Received[] = [];
  const refusals: string[] = [];
  const handlers: SmtpHandlers = {
    onMail: () => reply(250, '2.1.0', 'OK'),
    onRecipient: (_, { address }) =>
      address.startsWith('no') ? reply(550, '5.1.1', 'No such user') : reply(250, '2.1.5', 'OK'),
    onData: (_, envelope, { content }) => {
      received.push({ envelope, content });
      return reply(250, '2.6.0', 'Taken');
    },
    onRefused: (_, stage, __, cause) => refusals.push(`${stage}: ${cause}`),
    ...own.with,
  };
  const { with: _, ...options } = own;
  const listener = await startListener({
    protocol: 'smtp',
    hostname: 'gateway.test',
    address: '127.0.0.1',
    port: 0,
    log: silentLog(),
    handlers,
    ...options,
  });
  return { listener, received, refusals };
}

/** A peer that types: what it sends, and what it hears up to a pattern or to the end of the connection. */
export class Typist {
  readonly socket: Socket;
  #heard = '';
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('utf8');
      this.#wake();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on('error', () => this.#wake());
  }

  static async connect(listener: { readonly address: string; readonly port: number }): Promise<Typist> {
    const socket = connect({ host: listener.address, port: listener.port });
    await once(socket, 'connect');
    return new Typist(socket);
  }

  type(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Text heard up to and including the pattern; the rest stays for the next call. */
  async hear(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#heard);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#heard.slice(0, end);
        this.#heard = this.#heard.slice(end);
        return text;
      }
      if (this.#closed) throw new Error(`closed before ${pattern}; heard ${JSON.stringify(this.#heard)}`);
      await this.#more();
    }
  }

  /** One complete reply. */
  reply(): Promise<string> {
    return this.hear(/(?:^\d{3}-.*\r\n)*^\d{3}(?: .*)?\r\n/m);
  }

  async say(line: string): Promise<string> {
    this.type(`${line}\r\n`);
    return this.reply();
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#heard;
  }

  close(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** Runs a program beside this process, and tells how it ended and what it said. */
export async function run(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output };
}
