import type { WebmailConfig } from '@postern/gateway/webmail/config.ts';
import { StoreConnection } from '@postern/gateway/webmail/imap/store-connection.ts';
import { storeEndpoint } from '@postern/gateway/webmail/webmail.ts';
import { certificatesCheck } from './certificates.ts';
import { type DiskLimits, diskCheck } from './disk.ts';
import type { Check, Finding } from './finding.ts';
import { webPageFinding } from './web-page.ts';

/** All that can be seen from webmail's host: outside it shows the app, inwards it is trusted by the store. */
export function webmailChecks(config: WebmailConfig, limits: DiskLimits): Check[] {
  const { hostname } = new URL(config.publicUrl);
  return [
    certificatesCheck([
      { identity: config.tls, host: hostname },
      { identity: config.store.tls, ca: config.store.ca },
    ]),
    storeCheck(config),
    {
      name: 'webmail',
      run: () =>
        Promise.all(
          config.listen.map((listen) =>
            webPageFinding({
              check: 'webmail',
              listen,
              host: hostname,
              ca: config.store.ca,
              service: 'postern-webmail',
            }),
          ),
        ),
    },
    diskCheck([config.uploads.path], limits),
  ];
}

/** IMAP over TLS from the private leg. Tokens are offered to trusted hosts alone, so the store knows this one's certificate. */
function storeCheck(config: WebmailConfig): Check {
  const subject = `${config.store.host}:${config.store.port}`;
  return {
    name: 'imap',
    async run(): Promise<Finding[]> {
      try {
        const connection = await StoreConnection.open(storeEndpoint(config));
        try {
          if (connection.has('AUTH=OAUTHBEARER')) {
            return [{ check: 'imap', subject, status: 'ok', found: 'it greets, and trusts this host' }];
          }
          const advice = 'Name the certificate of store.tls in imap.trustedPeers of the store, and reload it.';
          return [{ check: 'imap', subject, status: 'fault', found: 'it does not trust this host', advice }];
        } finally {
          connection.close();
        }
      } catch (error) {
        const advice =
          'Is the store up, does the inner firewall let IMAP pass from innerAddress (flow webmail-store), and do both trust the same CA?';
        return [{ check: 'imap', subject, status: 'fault', found: (error as Error).message, advice }];
      }
    },
  };
}
