import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { openLog, silentLog } from '@postern/shared/runtime/log.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { type ConsoleServer, startConsole } from '@postern/store/console/server.ts';
import { type Mailstore, openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { LoginThrottle } from '@postern/store/sign-in/login-throttle.ts';
import { startEmbedded } from '../directory/embedded.ts';
import { startTestDatabase, type TestDatabase } from '../support/mariadb.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { startSlapd } from '../support/slapd.ts';

export interface ConsoleAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Undefined when the text is no JSON. */
  readonly json: Json;
}

/** JSON as a test reads it: whatever member it asks for. */
// biome-ignore lint/suspicious/noExplicitAny: answers have many shapes, and a test says what it expects of each.
export type Json = any;

export interface AskOptions {
  readonly cookie?: string | undefined;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
}

export interface ConsoleUnderTest {
  readonly url: string;
  readonly port: number;
  readonly mailstore: Mailstore;
  readonly pki: TestPki;
  readonly throttle: LoginThrottle;
  /** Sends one request; changes carry our own Origin unless headers say otherwise. */
  ask(method: string, path: string, options?: AskOptions): Promise<ConsoleAnswer>;
  /** The cookie of a session of this user, whose password is the local part unless given. */
  signIn(address: string, password?: string): Promise<string>;
  /** Path of a file of settings for the command line, with the same directory and database. */
  readonly config: ReturnType<typeof storeConfigSchema.parse>;
  stop(): Promise<void>;
}

/** The console over a real MariaDB and a real slapd, or the demo's directory, in the process of the test. */
export async function startConsoleUnderTest(
  kind: 'slapd' | 'embedded',
  settings: object = {},
): Promise<ConsoleUnderTest> {
  const [pki, directoryServer, database]: [TestPki, { url: string; ca: string; stop(): Promise<void> }, TestDatabase] =
    await Promise.all([makeTestPki(), kind === 'slapd' ? startSlapd() : startEmbedded(), startTestDatabase()]);
  const config = storeConfigSchema.parse({
    hostname: 'store.example',
    tls: pki.store,
    ca: pki.ca,
    lmtp: { listen: { address: '127.0.0.1' } },
    imap: {},
    database: { url: database.url, connections: 8 },
    directory: {
      urls: [directoryServer.url],
      baseDn: 'o=hosting,dc=myhosting,dc=example',
      bindDn: 'cn=store,dc=myhosting,dc=example',
      bindPassword: 'store',
      ca: directoryServer.ca,
      defaultDomain: 'domain1.example',
      foundTtlMs: 0,
      notFoundTtlMs: 0,
    },
    console: { listen: { address: '127.0.0.1', port: 0 }, mailHosts: ['mx.example'], ...settings },
  });
  const log = process.env.POSTERN_TEST_LOG === undefined ? silentLog() : openLog({ name: 'test', level: 'debug' });
  const mailstore = await openMailstore({ url: database.url, connections: 8, log });
  const directory = cachedDirectory(openLdapDirectory(config.directory, log), config.directory);
  const throttle = new LoginThrottle();
  const server: ConsoleServer | undefined = await startConsole({ config, mailstore, directory, log, throttle });
  if (server === undefined) throw new Error('the console is not configured');
  const ca = readFileSync(pki.ca, 'utf8');
  const url = `https://127.0.0.1:${server.port}`;

  const ask: ConsoleUnderTest['ask'] = (method, path, options = {}) =>
    new Promise((resolve, reject) => {
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const headers: Record<string, string> = {
        ...(method === 'GET' || options.token !== undefined ? {} : { Origin: url }),
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
        ...(options.cookie === undefined ? {} : { Cookie: `__Host-postern-console=${options.cookie}` }),
        ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
        ...options.headers,
      };
      const asked = request(`${url}${path}`, { method, ca, headers, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => {
          let json: Json;
          try {
            json = JSON.parse(text);
          } catch {
            json = undefined;
          }
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });

  return {
    url,
    port: server.port,
    mailstore,
    pki,
    config,
    throttle,
    ask,
    async signIn(address, password = address.split('@')[0]) {
      const answer = await ask('POST', '/api/session', { body: { address, password } });
      if (answer.status !== 200) throw new Error(`${address}: ${answer.status} ${answer.text}`);
      return cookieOf(answer) ?? '';
    },
    async stop() {
      await server.close();
      await directory.close();
      await mailstore.close();
      await Promise.all([directoryServer.stop(), database.stop()]);
      pki.remove();
    },
  };
}

/** The value of the session's cookie that an answer sets. */
export function cookieOf(answer: ConsoleAnswer): string | undefined {
  const [header] = [answer.headers['set-cookie']].flat();
  return /^__Host-postern-console=([^;]*)/.exec(header ?? '')?.[1];
}
