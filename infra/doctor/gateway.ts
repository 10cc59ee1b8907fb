import type { RelayConfig } from '@postern/gateway/relay/config.ts';
import { type CertificateInUse, certificatesCheck } from './certificates.ts';
import { directoryCheck } from './directory.ts';
import { type DiskLimits, diskCheck } from './disk.ts';
import { dnsCheck } from './dns.ts';
import type { Check } from './finding.ts';
import { lmtpCheck, smtpCheck, submissionCheck } from './mail-ports.ts';
import { queueCheck } from './queue.ts';

/** What the caller may say about an installation. */
export interface DoctorOptions extends DiskLimits {
  /** Domains whose MX is looked at, beside the default domain. */
  readonly domains: readonly string[];
  /** An account that the store is asked for; without it the greeting decides. */
  readonly account?: string | undefined;
}

/** All that can be seen from the gateway's host, from the outside inwards. */
export function gatewayChecks(config: RelayConfig, options: DoctorOptions): Check[] {
  const { defaultDomain } = config.directory;
  const domains = [...new Set([...(defaultDomain === undefined ? [] : [defaultDomain]), ...options.domains])];
  const postmaster = defaultDomain === undefined ? undefined : `postmaster@${defaultDomain}`;
  const used: CertificateInUse[] = [
    { identity: config.smtp.tls, host: config.hostname },
    { identity: config.store.tls, ca: config.store.ca },
  ];
  if (config.admin !== undefined) used.push({ identity: config.admin.tls });
  if (config.outbound?.listen !== undefined) used.push({ identity: config.outbound.listen.tls });
  return [
    dnsCheck(config, domains),
    certificatesCheck(used),
    directoryCheck(config.directory),
    lmtpCheck(config, options.account),
    smtpCheck(config, options.account ?? postmaster),
    submissionCheck(config),
    queueCheck(config.spool.path),
    diskCheck([config.spool.path], options),
  ];
}
