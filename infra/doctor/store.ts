import { urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import { databaseFaultSentence } from '@postern/store/database-fault.ts';
import { openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { type CertificateInUse, certificatesCheck } from './certificates.ts';
import { clientPortChecks } from './client-ports.ts';
import { consoleCheck } from './console.ts';
import { directoryCheck } from './directory.ts';
import type { Check, Finding } from './finding.ts';
import { hubCheck } from './hub.ts';

/** All that can be seen from the store's host. */
export function storeChecks(config: StoreConfig): Check[] {
  return [
    certificatesCheck(certificatesOf(config)),
    directoryCheck(config.directory),
    databaseCheck(config),
    ...clientPortChecks(config),
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
  const urls = urlsOfHosts(url).map((each) => new URL(each));
  const subject = `${urls.map(({ host }) => host).join(',')}${urls[0]?.pathname}`;
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
