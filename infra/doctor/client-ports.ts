import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import type { Check, Finding } from './finding.ts';

const ANSWER_MS = 5_000;
/** More than any of them says before sign-in. */
const MAX_ANSWER_CHARACTERS = 16_384;

/** A service that people's programs sign in to, and how it begins. */
interface ClientPort {
  readonly setting: string;
  readonly listen: { readonly address: string; readonly port: number } | undefined;
  readonly greeting: RegExp;
  /** The command that begins TLS, and the answer to it; undefined where TLS is there from the first octet. */
  readonly startTls?: { readonly command: string; readonly ready: RegExp };
}

function clientPorts({ imap, pop3, managesieve }: StoreConfig): Readonly<Record<string, readonly ClientPort[]>> {
  // RFC 9051 §7.1, RFC 1939 §4, RFC 5804 §1.7: how each of them greets.
  const [asImap, asPop3, asSieve] = [/^\* OK/, /^\+OK/, /^OK\b.*\r\n$/m];
  return {
    imap: [
      {
        setting: 'imap.listen',
        listen: imap.listen,
        greeting: asImap,
        startTls: { command: 'a STARTTLS', ready: /^a OK/m },
      },
      { setting: 'imap.listenTls', listen: imap.listenTls, greeting: asImap },
    ],
    pop3: [
      { setting: 'pop3.listen', listen: pop3?.listen, greeting: asPop3, startTls: { command: 'STLS', ready: /^\+OK/ } },
      { setting: 'pop3.listenTls', listen: pop3?.listenTls, greeting: asPop3 },
    ],
    managesieve: [
      {
        setting: 'managesieve.listen',
        listen: managesieve?.listen,
        greeting: asSieve,
        startTls: { command: 'STARTTLS', ready: /^OK/ },
      },
    ],
  };
}

/** Each service of people's programs greets, and begins TLS with a certificate that they would take. */
export function clientPortChecks(config: StoreConfig): Check[] {
  return Object.entries(clientPorts(config)).map(([name, ports]) => ({
    name,
    async run(): Promise<Finding[]> {
      const asked = ports.filter(({ listen }) => listen !== undefined);
      if (asked.length === 0) {
        const subject = ports.map(({ setting }) => setting).join(', ');
        return [{ check: name, subject, status: 'skipped', found: 'not configured' }];
      }
      return await Promise.all(asked.map((port) => look(name, port, config)));
    },
  }));
}

async function look(check: string, port: ClientPort, config: StoreConfig): Promise<Finding> {
  const { address = '', port: number = 0 } = port.listen ?? {};
  const subject = `${address}:${number}`;
  const tls = { servername: config.hostname, ca: readFileSync(config.ca), minVersion: MIN_TLS_VERSION } as const;
  const { startTls } = port;
  const plain = startTls && connect({ host: address, port: number });
  let secure: Socket | undefined;
  try {
    if (startTls === undefined || plain === undefined) {
      secure = connectTls({ ...tls, host: address, port: number });
      await heard(secure, port.greeting);
      return { check, subject, status: 'ok', found: 'it greets by TLS' };
    }
    await heard(plain, port.greeting);
    plain.write(`${startTls.command}\r\n`);
    await heard(plain, startTls.ready);
    const over = connectTls({ ...tls, socket: plain });
    secure = over;
    await within(over, (done) => over.once('secureConnect', done));
    return { check, subject, status: 'ok', found: 'it greets, and begins TLS' };
  } catch (error) {
    const advice = 'Is the store up (systemctl status postern-store)? Its log says why not.';
    return { check, subject, status: 'fault', found: (error as Error).message, advice };
  } finally {
    // TLS over a socket takes that with it.
    (secure ?? plain)?.destroy();
  }
}

/** Waits until what came matches. */
function heard(socket: Socket, pattern: RegExp): Promise<void> {
  let text = '';
  return within(socket, (done, fail) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (pattern.test(text)) {
        socket.off('data', take);
        done();
      } else if (text.includes('\n') && text.length > MAX_ANSWER_CHARACTERS) fail(new Error('it says something else'));
    };
    socket.on('data', take);
  });
}

function within(socket: Socket, wait: (done: () => void, fail: (error: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it is silent')), ANSWER_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('it hangs up')));
    wait(() => {
      clearTimeout(timer);
      resolve();
    }, fail);
  });
}
