import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import { databaseFaultSentence } from '@postern/store/database-fault.ts';
import { openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { type CertificateInUse, certificatesCheck } from './certificates.ts';
import { consoleCheck } from './console.ts';
import { directoryCheck } from './directory.ts';
import type { Check, Finding } from './finding.ts';
import { hubCheck } from './hub.ts';

const GREETING_MS = 5_000;

/** All that can be seen from the store's host. */
export function storeChecks(config: StoreConfig): Check[] {
  return [
    certificatesCheck(certificatesOf(config)),
    directoryCheck(config.directory),
    databaseCheck(config),
    imapCheck(config),
    hubCheck(config),
    consoleCheck(config),
  ];
}

function certificatesOf({ tls, ca, hostname, hub, console: settings }: StoreConfig): CertificateInUse[] {
  const used: CertificateInUse[] = [{ identity: tls, ca, host: hostname }];
  if (hub.relay !== undefined) used.push({ identity: hub.relay.identity, ca });
  if (settings?.tls !== undefined) {
    used.push({
      identity: settings.tls,
      host: settings.origin === undefined ? undefined : new URL(settings.origin).hostname,
    });
  }
  return used;
}

function databaseCheck({ database: { url } }: StoreConfig): Check {
  // The password stays here: host and name tell which one.
  const { host, pathname } = new URL(url);
  const subject = `${host}${pathname}`;
  const advice =
    'Is the server up, does the firewall let 3306 pass, are user and password in database.url right, and did ‘postern-store migrate’ run?';
  return {
    name: 'database',
    async run(): Promise<Finding[]> {
      try {
        const mailstore = await openMailstore({ url, connections: 2, migrate: false, log: silentLog() });
        try {
          const answer = await mailstore.check();
          if (answer.ok) return [{ check: 'database', subject, status: 'ok', found: 'it answers, with our tables' }];
          return [{ check: 'database', subject, status: 'fault', found: answer.cause, advice }];
        } finally {
          await mailstore.close();
        }
      } catch (error) {
        return [{ check: 'database', subject, status: 'fault', found: databaseFaultSentence(error, url), advice }];
      }
    },
  };
}

/** IMAP greets by TLS, with a certificate that a client would take. */
function imapCheck(config: StoreConfig): Check {
  const { listenTls } = config.imap;
  return {
    name: 'imap',
    async run(): Promise<Finding[]> {
      if (listenTls === undefined) {
        return [{ check: 'imap', subject: 'imap.listenTls', status: 'skipped', found: 'not configured' }];
      }
      const subject = `${listenTls.address}:${listenTls.port}`;
      const greeting = await greetingOf(listenTls, config);
      if (/^\* OK/.test(greeting)) return [{ check: 'imap', subject, status: 'ok', found: 'it greets' }];
      const advice = 'Is the store up (systemctl status postern-store)? Its log says why not.';
      return [{ check: 'imap', subject, status: 'fault', found: greeting, advice }];
    },
  };
}

/** The first line, or what kept it from coming. */
function greetingOf(at: { readonly address: string; readonly port: number }, config: StoreConfig): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: at.address,
      port: at.port,
      servername: config.hostname,
      ca: readFileSync(config.ca),
      minVersion: MIN_TLS_VERSION,
      timeout: GREETING_MS,
    });
    const end = (found: string): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('data', (chunk: Buffer) => end(chunk.toString('latin1')));
    socket.once('timeout', () => end('it is silent'));
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end('it hangs up'));
  });
}
