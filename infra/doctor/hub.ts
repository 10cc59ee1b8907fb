import { readFileSync } from 'node:fs';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import type { Check, Finding } from './finding.ts';
import { rehearse, TIMEOUTS } from './mail-ports.ts';

/** Mail out: the hub takes it from people, by TLS with a certificate that their programs take, and the relay takes it from the hub. */
export function hubCheck({ hub, hostname, ca }: StoreConfig): Check {
  const { submission, relay } = hub;
  const client = { protocol: 'smtp', heloName: 'doctor.invalid', timeouts: TIMEOUTS } as const;
  return {
    name: 'hub',
    async run() {
      const authority = readFileSync(ca, 'utf8');
      const listeners = [
        { listen: submission.listen, mode: 'starttls' },
        { listen: submission.listenTls, mode: 'implicit' },
      ] as const;
      const advice = 'Is the store up (systemctl status postern-store)? Its log says why not.';
      const asked = listeners.flatMap(({ listen, mode }): Promise<Finding>[] => {
        if (listen === undefined) return [];
        const tls = { mode, ca: authority, serverName: hostname } as const;
        return [rehearse('hub', undefined, advice, { ...client, host: listen.address, port: listen.port, tls })];
      });
      if (relay !== undefined) {
        const { host, port, serverName, identity } = relay;
        const tls = { mode: 'starttls', ...readTlsIdentity(identity), ca: authority, serverName } as const;
        const relayAdvice =
          'Does the relay listen (outbound.listen), does the inner firewall let the flow hub-relay pass, and does outbound.listen.clients name the hub’s certificate? Mail to the outside waits meanwhile.';
        asked.push(rehearse('hub', undefined, relayAdvice, { ...client, host, port, tls }));
      }
      const findings = await Promise.all(asked);
      if (relay === undefined) {
        findings.push({ check: 'hub', subject: 'hub.relay', status: 'skipped', found: 'not configured: no way out' });
      }
      return findings;
    },
  };
}
