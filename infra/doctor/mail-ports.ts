import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { RelayConfig } from '@postern/gateway/relay/config.ts';
import { readTlsIdentity } from '@postern/shared/runtime/tls.ts';
import { type ClientOptions, connectSmtp } from '@postern/shared/smtp/client.ts';
import type { Check, Finding } from './finding.ts';

export const TIMEOUTS = { connectMs: 5_000, commandMs: 30_000 } as const;

/** Each store takes mail from this gateway: TCP, TLS with both certificates, LHLO, and a recipient that is not written to. */
export function lmtpCheck(config: RelayConfig, recipient: string | undefined): Check {
  const advice =
    'Is the store up, does the inner firewall let LMTP pass from innerAddress, do both trust the same CA, and does the store name this certificate in lmtp.peers?';
  return {
    name: 'lmtp',
    async run() {
      const identity = { ...readTlsIdentity(config.store.tls), ca: readFileSync(config.store.ca, 'utf8') };
      const stores = [config.store.lmtp, ...Object.values(config.store.stores)];
      return await Promise.all(
        stores.map(({ host, port, serverName }) =>
          rehearse('lmtp', recipient, advice, {
            host,
            port,
            protocol: 'lmtp',
            localAddress: config.innerAddress,
            heloName: config.hostname,
            tls: { mode: 'implicit', ...identity, serverName },
            timeouts: TIMEOUTS,
          }),
        ),
      );
    },
  };
}

/** Each public listener takes mail for the postmaster, as a stranger would send it: through policy, directory and the store's word. */
export function smtpCheck(config: RelayConfig, recipient: string | undefined): Check {
  const advice = 'Is the relay up (systemctl status postern-relay)? Its log says at which stage and why it refused.';
  return {
    name: 'smtp',
    run: () =>
      Promise.all(
        config.smtp.listen.map(({ address, port }) =>
          rehearse('smtp', recipient, advice, {
            host: address,
            port,
            protocol: 'smtp',
            heloName: 'doctor.invalid',
            tls: { mode: 'none' },
            timeouts: TIMEOUTS,
          }),
        ),
      ),
  };
}

/** People on the road send here: by TLS, with a certificate that their programs take. */
export function submissionCheck(config: RelayConfig): Check {
  const advice =
    'Is the relay up (systemctl status postern-relay), and does smtp.tls have a certificate of a public CA for hostname?';
  return {
    name: 'submission',
    async run() {
      if (config.submission === undefined) {
        return [{ check: 'submission', subject: 'submission.listen', status: 'skipped', found: 'not configured' }];
      }
      // A public CA, or that of the installation itself.
      const ca = [readFileSync(config.store.ca, 'utf8'), ...rootCertificates].join('\n');
      return await Promise.all(
        config.submission.listen.map(({ address, port, mode }) =>
          rehearse('submission', undefined, advice, {
            host: address,
            port,
            protocol: 'smtp',
            heloName: 'doctor.invalid',
            tls: { mode, ca, serverName: config.hostname },
            timeouts: TIMEOUTS,
          }),
        ),
      );
    },
  };
}

/** Goes as far as RCPT, or the greeting alone, and resets: nobody gets a message. */
export async function rehearse(
  check: string,
  recipient: string | undefined,
  advice: string,
  options: ClientOptions,
): Promise<Finding> {
  const subject = `${options.host}:${options.port}`;
  try {
    const connection = await connectSmtp(options);
    try {
      if (recipient === undefined) return { check, subject, status: 'ok', found: 'it greets' };
      const [outcome] = await connection.probe('', [recipient]);
      if (outcome?.kind === 'delivered')
        return { check, subject, status: 'ok', found: `it would take mail for ${recipient}` };
      const said = outcome === undefined ? 'no answer' : `${outcome.reply.code} ${outcome.reply.text}`;
      return { check, subject, status: 'fault', found: `${recipient}: ${said}`, advice };
    } finally {
      connection.destroy();
    }
  } catch (error) {
    return { check, subject, status: 'fault', found: (error as Error).message, advice };
  }
}
