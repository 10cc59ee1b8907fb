import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { IdentityFiles } from './pki.ts';

/** One raw LMTP connection: what is written goes out as it is, what comes back is read line by line. */
export interface LmtpDialogue {
  /** The greeting, or the refusal in its place. */
  readonly greeting: string;
  /** Sends one command line and reads its whole reply (all lines of it). */
  say(line: string): Promise<string>;
  /** Sends a message (dots stuffed, final dot added) and reads one reply for each of `replies` recipients. */
  data(message: string, replies: number): Promise<string[]>;
  close(): void;
}

export interface LmtpTarget {
  readonly port: number;
  readonly host?: string;
  /** File of the CA; without TLS when undefined. */
  readonly ca: string | undefined;
  /** The client certificate; none when undefined. */
  readonly identity?: IdentityFiles | undefined;
}

/** Connects, inside TLS where there is a CA, and reads the greeting; rejects when the handshake or the connection fails before it. */
export async function openLmtp(target: LmtpTarget): Promise<LmtpDialogue> {
  const { cert, key } = target.identity ?? {};
  const address = { host: target.host ?? '127.0.0.1', port: target.port };
  const socket =
    target.ca === undefined
      ? connect(address)
      : connectTls({
          ...address,
          ca: readFileSync(target.ca),
          servername: 'localhost',
          ...(cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) }),
        });
  const replies = replyReader(socket);
  const greeting = await replies();
  return {
    greeting,
    say(line) {
      socket.write(`${line}\r\n`);
      return replies();
    },
    async data(message, count) {
      socket.write('DATA\r\n');
      const go = await replies();
      if (!go.startsWith('354')) return [go];
      socket.write(`${message.replace(/^\./gm, '..')}\r\n.\r\n`);
      const verdicts: string[] = [];
      while (verdicts.length < count) verdicts.push(await replies());
      return verdicts;
    },
    close() {
      socket.destroy();
    },
  };
}

/** Reads one reply at a time, multi-line ones whole; rejects when the connection ends first. */
function replyReader(socket: Socket): () => Promise<string> {
  let text = '';
  let ended: Error | undefined;
  let wake: () => void = () => {};
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    wake();
  });
  const end = (error?: Error): void => {
    ended ??= error ?? new Error('the connection ended');
    wake();
  };
  socket.on('error', end);
  socket.on('close', () => end());
  return async () => {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(text)?.[0];
      if (whole !== undefined) {
        text = text.slice(whole.length);
        return whole.trimEnd();
      }
      if (ended !== undefined) throw ended;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
