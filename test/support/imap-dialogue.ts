import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { IdentityFiles } from './pki.ts';

/** A bare IMAP client for tests: sends what it is told and hands back what comes, octet for octet as latin1. */
export interface ImapDialogue {
  /** The greeting line. */
  readonly greeting: string;
  /** Sends a command under a new tag; resolves with all that came up to its tagged response, tag replaced by `TAG`. */
  command(text: string): Promise<string>;
  /** Sends octets as they are. */
  send(octets: string | Buffer): void;
  /** Resolves with what came so far, as soon as it matches; what was read is taken. */
  until(pattern: RegExp): Promise<string>;
  /** Begins TLS on the connection. */
  secure(ca: string): Promise<void>;
  /** Resolves with what came last, when the server has closed the connection. */
  closed(): Promise<string>;
  close(): void;
}

const DEADLINE_MS = 15_000;

/** Connects; with `ca` (PEM text) by implicit TLS. */
export async function connectImap(
  port: number,
  options: { ca?: string; host?: string; localAddress?: string; identity?: IdentityFiles } = {},
): Promise<ImapDialogue> {
  const host = options.host ?? '127.0.0.1';
  const from = options.localAddress === undefined ? {} : { localAddress: options.localAddress };
  const identity = options.identity && {
    cert: readFileSync(options.identity.cert),
    key: readFileSync(options.identity.key),
  };
  let socket: Socket | TLSSocket =
    options.ca === undefined
      ? connect({ port, host, ...from })
      : connectTls({ port, host, ca: options.ca, ...from, ...identity });
  let received = '';
  let ended = false;
  let check: (() => void) | undefined;
  let count = 0;
  const attach = (): void => {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received += text;
      check?.();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      ended = true;
      check?.();
    });
  };
  attach();

  const waitFor = (found: () => string | undefined, what: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        check = undefined;
        reject(new Error(`not in time: ${what}; received so far: ${JSON.stringify(received.slice(-2000))}`));
      }, DEADLINE_MS);
      check = () => {
        const text = found();
        if (text === undefined && !ended) return;
        clearTimeout(timer);
        check = undefined;
        if (text === undefined) reject(new Error(`closed before: ${what}; received: ${JSON.stringify(received)}`));
        else resolve(text);
      };
      check();
    });
  const until = (pattern: RegExp): Promise<string> =>
    waitFor(() => {
      const match = pattern.exec(received);
      if (match === null) return undefined;
      const text = received.slice(0, match.index + match[0].length);
      received = received.slice(text.length);
      return text;
    }, String(pattern));

  const greeting = await until(/^.*\r\n/);
  return {
    greeting,
    async command(text) {
      count += 1;
      const tag = `t${count}`;
      socket.write(Buffer.from(`${tag} ${text}\r\n`, 'latin1'));
      const response = await until(new RegExp(`^${tag} .*\\r\\n`, 'm'));
      return response
        .replaceAll(new RegExp(`^${tag} `, 'gm'), 'TAG ')
        .replaceAll('\r\n', '\n')
        .trimEnd();
    },
    send: (octets) => void socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets),
    until,
    async secure(ca) {
      socket.removeAllListeners('data');
      socket.removeAllListeners('close');
      socket = connectTls({ socket, ca, host });
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      attach();
    },
    async closed() {
      await waitFor(() => (ended ? '' : undefined), 'the end of the connection');
      return received;
    },
    close: () => void socket.destroy(),
  };
}
