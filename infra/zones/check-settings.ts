import { isIP } from 'node:net';
import type { RelayConfig } from '@postern/gateway/relay/config.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import { sameAddress } from './address.ts';
import type { Finding } from './check.ts';
import { covers, type End, endOfAddress, endsOf, pathsOf, permittingPath, protocolHas } from './paths.ts';
import type { Policy } from './policy.ts';

/** The part of gateway.yaml that speaks of addresses. */
export type GatewayAddresses = Pick<
  RelayConfig,
  'smtp' | 'metrics' | 'admin' | 'innerAddress' | 'store' | 'directory'
> & {
  readonly outbound?: Pick<NonNullable<RelayConfig['outbound']>, 'localAddress'> | undefined;
};

/** The part of store.yaml that speaks of addresses. */
export type StoreAddresses = Pick<StoreConfig, 'directory' | 'database'> & {
  readonly lmtp: Pick<StoreConfig['lmtp'], 'listen'>;
  readonly imap: Pick<StoreConfig['imap'], 'listen' | 'listenTls'>;
};

/** gateway.yaml against the policy: it listens on its own legs where a flow leads, and connects only along flows. */
export function checkGatewaySettings(policy: Policy, settings: GatewayAddresses): Finding[] {
  const host = hostThatRuns(policy, 'gateway');
  if (host === undefined) return [finding('gateway.yaml', 'the policy has no host that runs the gateway')];
  const place = { policy, host, file: 'gateway.yaml' };
  const { smtp, metrics, admin, innerAddress, store, directory, outbound } = settings;
  const findings = smtp.listen.flatMap((one, n) => listens(place, `smtp.listen[${n}]`, one));
  if (metrics !== undefined) findings.push(...listens(place, 'metrics.listen', metrics.listen));
  if (admin !== undefined) findings.push(...listens(place, 'admin.listen', admin.listen));
  const stores = { lmtp: store.lmtp, ...store.stores };
  for (const [name, { host: to, port }] of Object.entries(stores)) {
    findings.push(...connects(place, `store.${name}`, innerAddress, to, port));
  }
  for (const url of directory.urls) {
    findings.push(...connects(place, 'directory.urls', directory.localAddress ?? innerAddress, ...ofUrl(url)));
  }
  if (outbound !== undefined && legOf(policy, host, outbound.localAddress) === undefined) {
    findings.push(finding('gateway.yaml: outbound.localAddress', `${outbound.localAddress} is no leg of ${host}`));
  }
  return findings;
}

/** store.yaml against the policy. */
export function checkStoreSettings(policy: Policy, settings: StoreAddresses): Finding[] {
  const host = hostThatRuns(policy, 'store');
  if (host === undefined) return [finding('store.yaml', 'the policy has no host that runs the store')];
  const place = { policy, host, file: 'store.yaml' };
  const { lmtp, imap, directory, database } = settings;
  const findings = listens(place, 'lmtp.listen', lmtp.listen);
  if (imap.listen !== undefined) findings.push(...listens(place, 'imap.listen', imap.listen));
  if (imap.listenTls !== undefined) findings.push(...listens(place, 'imap.listenTls', imap.listenTls));
  const own = directory.localAddress ?? lmtp.listen.address;
  for (const url of directory.urls) findings.push(...connects(place, 'directory.urls', own, ...ofUrl(url)));
  findings.push(...connects(place, 'database.url', lmtp.listen.address, ...ofUrl(database.url)));
  return findings;
}

interface Place {
  readonly policy: Policy;
  readonly host: string;
  readonly file: string;
}

function listens(place: Place, setting: string, { address, port }: { address: string; port: number }): Finding[] {
  const { policy, host } = place;
  if (isLoopback(address)) return [];
  const leg = legOf(policy, host, address);
  if (leg === undefined) return [finding(`${place.file}: ${setting}`, `${address} is no leg of ${host}`)];
  const wanted = pathsOf(policy).some(
    (path) => covers(path.to, leg) && protocolHas(policy, path.flow.protocol, 'tcp', port),
  );
  if (wanted) return [];
  return [finding(`${place.file}: ${setting}`, `listens on ${host}.${leg.leg} port ${port}, where no flow leads`)];
}

function connects(place: Place, setting: string, from: string, to: string, port: number): Finding[] {
  const { policy, host } = place;
  const where = `${place.file}: ${setting}`;
  if (isLoopback(to)) return [];
  const source = legOf(policy, host, from);
  if (source === undefined) return [finding(where, `leaves from ${from}, which is no leg of ${host}`)];
  const targets = targetsOf(policy, to);
  if (targets.length === 0)
    return [finding(where, `connects to ${to}, which the policy does not know (hosts.*.names)`)];
  if (targets.some((target) => permittingPath(policy, source, target, 'tcp', port) !== undefined)) return [];
  return [finding(where, `connects from ${host}.${source.leg} to ${to} port ${port}, and no flow permits it`)];
}

/** The ends behind an address, or a name of a host. */
function targetsOf(policy: Policy, to: string): End[] {
  if (isIP(to) !== 0) {
    const end = endOfAddress(policy, to);
    return end === undefined ? [] : [end];
  }
  return Object.entries(policy.hosts)
    .filter(([name, { names }]) => name === to || names.includes(to))
    .flatMap(([name]) => endsOf(policy, name));
}

function legOf(policy: Policy, host: string, address: string): End | undefined {
  return endsOf(policy, host).find(({ prefixes }) => prefixes.some(({ text }) => sameAddress(text, address)));
}

function hostThatRuns(policy: Policy, part: 'gateway' | 'store'): string | undefined {
  return Object.entries(policy.hosts).find(([, { runs }]) => runs === part)?.[0];
}

function ofUrl(text: string): [string, number] {
  const url = new URL(text);
  const defaults: Record<string, number> = { 'ldap:': 389, 'ldaps:': 636, 'mysql:': 3306 };
  return [url.hostname.replace(/^\[|\]$/g, ''), url.port === '' ? (defaults[url.protocol] ?? 0) : Number(url.port)];
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

function finding(where: string, text: string): Finding {
  return { kind: 'SETTINGS', where, text };
}
