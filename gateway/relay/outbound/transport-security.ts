import { rootCertificates } from 'node:tls';
import type { ConnectStage } from '@postern/shared/smtp/client.ts';
import type { ClientTls } from '@postern/shared/smtp/client-options.ts';
import type { Resolver } from '../dns/resolver.ts';
import { type DaneDemand, daneDemand, judgeByDane } from './dane.ts';
import { matchesDomain } from './domain-patterns.ts';
import type { StsPolicies } from './mta-sts.ts';
import { policyNames, type StsPolicy } from './mta-sts-policy.ts';
import type { MailHost } from './next-hops.ts';
import type { ReportedPolicy, ResultType, TlsCounts } from './tls-counts.ts';

/** How a connection to one host of a domain has to be protected. */
export interface Protection {
  readonly kind: 'opportunistic' | 'required' | 'sts' | 'dane' | 'dane-encryption';
  readonly tls: ClientTls;
  /** Whether plain text may follow a handshake that failed. */
  readonly mayBePlain: boolean;
  /** Distinguishes connections that may be shared from those that may not. */
  readonly key: string;
}

export type HostProtection =
  | { readonly ok: true; readonly protection: Protection }
  /** The host must not be used now. */
  | { readonly ok: false; readonly cause: string };

/** What holds for a domain, asked once for all its hosts. */
export interface DomainSecurity {
  readonly domain: string;
  readonly sts: StsPolicy | undefined;
  readonly required: boolean;
}

export interface SecurityOptions {
  readonly resolver: Resolver;
  readonly policies: StsPolicies | undefined;
  readonly dane: boolean;
  readonly port: number;
  readonly requiredFor: readonly string[];
  /** PEM text of CAs beside the system's. */
  readonly extraCa: string | undefined;
  readonly counts: TlsCounts;
}

/** Decides on TLS for each host: DANE before MTA-STS (RFC 8461 §2) before the settings before what is offered (RFC 7435). */
export class TransportSecurity {
  readonly #options: SecurityOptions;
  readonly #ca: readonly string[] | undefined;

  constructor(options: SecurityOptions) {
    this.#options = options;
    this.#ca = options.extraCa === undefined ? undefined : [...rootCertificates, options.extraCa];
  }

  async ofDomain(domain: string): Promise<DomainSecurity> {
    const { policies, requiredFor } = this.#options;
    const isName = !domain.startsWith('[');
    const sts = isName ? await policies?.policyOf(domain) : undefined;
    const active = sts?.mode === 'none' ? undefined : sts;
    return { domain, sts: active, required: requiredFor.some((pattern) => matchesDomain(pattern, domain)) };
  }

  /** @param provenMx the MX records are proven by DNSSEC: without that the host's name is anybody's word */
  async ofHost(security: DomainSecurity, host: MailHost, provenMx: boolean): Promise<HostProtection> {
    const { domain, sts, required } = security;
    const demand = await this.#daneDemand(host, provenMx);
    if (demand.kind === 'unknown') {
      this.#count(security, { kind: 'tlsa', host: host.name }, 'dane-required', host.name);
      return { ok: false, cause: `TLSA of ${host.name}: ${demand.cause}` };
    }
    if (demand.kind === 'certificate') {
      const names = [host.name, domain];
      const tls: ClientTls = {
        mode: 'starttls',
        serverName: host.name,
        judge: (socket) => judgeByDane(socket, demand.records, names),
      };
      return usable('dane', tls, `dane ${host.name} ${domain}`);
    }
    if (demand.kind === 'encryption') {
      const tls: ClientTls = { mode: 'starttls', serverName: host.name, judge: () => undefined };
      return usable('dane-encryption', tls, 'encryption');
    }
    const listed = sts === undefined || policyNames(sts, host.name);
    if (!listed) {
      this.#count(security, { kind: 'sts' }, 'certificate-host-mismatch', host.name);
      // RFC 8461 §5: in enforce mode such a host is not used; in testing it is, and reported.
      if (sts?.mode === 'enforce')
        return { ok: false, cause: `${host.name} is not in the MTA-STS policy of ${domain}` };
    }
    const verified: ClientTls = { mode: 'starttls', serverName: host.name, ca: this.#ca?.join('\n') };
    if (sts?.mode === 'enforce') return usable('sts', verified, `verified ${host.name}`);
    if (required) return usable('required', verified, `verified ${host.name}`);
    return {
      ok: true,
      protection: { kind: 'opportunistic', tls: this.#offered(security, host), mayBePlain: true, key: 'opportunistic' },
    };
  }

  /** TLS with any certificate; under a policy in testing, what it would have said is counted. */
  #offered(security: DomainSecurity, host: MailHost): ClientTls {
    const tls: ClientTls = { mode: 'offered', serverName: host.name };
    if (security.sts === undefined) return tls;
    const policy = policyOfReport(security, 'opportunistic', host.name);
    return {
      ...tls,
      ca: this.#ca?.join('\n'),
      judge: ({ authorized, authorizationError }) => {
        const { counts } = this.#options;
        if (authorized) counts.success(security.domain, policy);
        else counts.failure(security.domain, policy, resultOfCertificate(String(authorizationError)), host.name);
        return undefined;
      },
    };
  }

  /** Counts a session that was protected as it had to be. */
  noteSuccess(security: DomainSecurity, host: string, protection: Protection, encrypted: boolean): void {
    const policy = policyOfReport(security, protection.kind, host);
    const { counts } = this.#options;
    if (!encrypted) counts.failure(security.domain, policy, 'starttls-not-supported', host);
    // Under a policy in testing the certificate was judged and counted in the handshake.
    else if (protection.kind !== 'opportunistic' || policy.kind !== 'sts') counts.success(security.domain, policy);
  }

  /** Counts a session that was not. */
  noteFailure(
    security: DomainSecurity,
    host: string,
    protection: Protection,
    stage: ConnectStage,
    cause: string,
  ): void {
    const result = resultOf(stage, protection, cause);
    if (result !== undefined)
      this.#options.counts.failure(security.domain, policyOfReport(security, protection.kind, host), result, host);
  }

  #count(
    security: DomainSecurity,
    what: { kind: 'sts' } | { kind: 'tlsa'; host: string },
    result: ResultType,
    host: string,
  ): void {
    const policy: ReportedPolicy =
      what.kind === 'sts' && security.sts !== undefined
        ? { kind: 'sts', lines: security.sts.lines, mx: security.sts.mx }
        : { kind: 'tlsa', lines: [], mx: [host] };
    this.#options.counts.failure(security.domain, policy, result, host);
  }

  async #daneDemand(host: MailHost, provenMx: boolean): Promise<DaneDemand> {
    const { dane, resolver, port } = this.#options;
    // RFC 7672 §2.2.1, §2.2.2: of names and addresses that DNSSEC does not prove no TLSA is asked for.
    if (!dane || !provenMx || !host.authenticated) return { kind: 'none' };
    return daneDemand(await resolver.query(`_${port}._tcp.${host.name}`, 'TLSA'));
  }
}

function usable(kind: Protection['kind'], tls: ClientTls, key: string): HostProtection {
  return { ok: true, protection: { kind, tls, mayBePlain: false, key } };
}

function policyOfReport({ sts }: DomainSecurity, kind: Protection['kind'], host: string): ReportedPolicy {
  if (kind === 'dane' || kind === 'dane-encryption') return { kind: 'tlsa', lines: [], mx: [host] };
  return sts === undefined
    ? { kind: 'no-policy-found', lines: [], mx: [] }
    : { kind: 'sts', lines: sts.lines, mx: sts.mx };
}

/** RFC 8460 §4.3; undefined when TLS had no part in it. */
function resultOf(stage: ConnectStage, protection: Protection, cause: string): ResultType | undefined {
  if (stage === 'no-tls') return 'starttls-not-supported';
  if (stage === 'handshake') return 'validation-failure';
  if (stage !== 'certificate') return undefined;
  return protection.kind === 'dane' ? 'validation-failure' : resultOfCertificate(cause);
}

function resultOfCertificate(cause: string): ResultType {
  if (/expired|not yet valid/i.test(cause)) return 'certificate-expired';
  if (/altname|does not match/i.test(cause)) return 'certificate-host-mismatch';
  return 'certificate-not-trusted';
}
