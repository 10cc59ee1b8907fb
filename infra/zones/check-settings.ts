import { isIP } from 'node:net';
import type { RelayConfig } from '@postern/gateway/relay/config.ts';
import type { WebmailConfig } from '@postern/gateway/webmail/config.ts';
import { urlsOfHosts } from '@postern/shared/runtime/database-url.ts';
import type { StoreConfig } from '@postern/store/config.ts';
import { sameAddress } from './address.ts';
import type { Finding } from './check.ts';
import { covers, type End, endOfAddress, endsOf, pathsOf, permittingPath, protocolHas } from './paths.ts';
import type { Policy } from './policy.ts';

/** The part of gateway.yaml that speaks of addresses; whatever else is called `listen…` is looked at as well. */
export type GatewayAddresses = Pick<RelayConfig, 'innerAddress' | 'store'> & {
  readonly directory: Pick<RelayConfig['directory'], 'urls' | 'localAddress'>;
  readonly dns: Pick<RelayConfig['dns'], 'servers'>;
  readonly content: {
    readonly clamav?: { readonly address?: string | undefined; readonly port: number } | undefined;
    readonly rspamd?: { readonly url: string } | undefined;
  };
  readonly outbound?: Pick<NonNullable<RelayConfig['outbound']>, 'localAddress' | 'smartHost' | 'routes'> | undefined;
};

/** The part of webmail.yaml that speaks of addresses; whatever is called `listen…` is looked at as well. */
export type WebmailAddresses = Pick<WebmailConfig, 'innerAddress'> & {
  readonly push?: Pick<NonNullable<WebmailConfig['push']>, 'services'> | undefined;
  readonly store: Pick<WebmailConfig['store'], 'host' | 'port'>;
};

/** The part of store.yaml that speaks of addresses; whatever else is called `listen…` is looked at as well. */
export type StoreAddresses = {
  readonly directory: Pick<StoreConfig['directory'], 'urls' | 'localAddress'>;
  readonly database: Pick<StoreConfig['database'], 'url'>;
  readonly lmtp: Pick<StoreConfig['lmtp'], 'listen'>;
  readonly hub?:
    | { readonly relay?: Pick<NonNullable<StoreConfig['hub']['relay']>, 'host' | 'port'> | undefined }
    | undefined;
  readonly console?: { readonly relay?: { readonly url: string } | undefined } | undefined;
};

/** gateway.yaml against the policy: it listens on its own legs where a flow leads, and connects only along flows. */
export function checkGatewaySettings(policy: Policy, settings: GatewayAddresses): Finding[] {
  const host = hostThatRuns(policy, 'gateway');
  if (host === undefined) return [finding('gateway.yaml', 'the policy has no host that runs the gateway')];
  const place = { policy, host, file: 'gateway.yaml' };
  const { innerAddress, store, directory, dns, content, outbound } = settings;
  const findings = allListen(place, settings);
  const stores = { lmtp: store.lmtp, ...store.stores };
  for (const [name, { host: to, port }] of Object.entries(stores)) {
    findings.push(...connects(place, `store.${name}`, [innerAddress], { to, port }));
  }
  for (const url of directory.urls) {
    findings.push(...connects(place, 'directory.urls', [directory.localAddress ?? innerAddress], ofUrl(url)));
  }
  // The kernel chooses the leg of these by the route.
  const legs = endsOf(policy, host).flatMap(({ prefixes }) => prefixes.map(({ text }) => text));
  for (const server of dns.servers) {
    findings.push(...connects(place, 'dns.servers', legs, { ...ofNameServer(server), transport: 'udp' }));
  }
  if (content.clamav?.address !== undefined) {
    const { address: to, port } = content.clamav;
    findings.push(...connects(place, 'content.clamav', legs, { to, port }));
  }
  if (content.rspamd !== undefined) {
    findings.push(...connects(place, 'content.rspamd', legs, ofUrl(content.rspamd.url)));
  }
  if (outbound !== undefined) {
    const where = 'gateway.yaml: outbound.localAddress';
    if (legOf(policy, host, outbound.localAddress) === undefined) {
      findings.push(finding(where, `${outbound.localAddress} is no leg of ${host}`));
    } else {
      const hops = { smartHost: outbound.smartHost, ...outbound.routes };
      for (const [name, hop] of Object.entries(hops)) {
        if (hop === undefined) continue;
        const { host: to, port } = hop;
        const setting = hop === outbound.smartHost ? 'outbound.smartHost' : `outbound.routes.${name}`;
        // A name that the policy does not know is somewhere on the Internet.
        const outside = isIP(to) === 0 && targetsOf(policy, to).length === 0 ? externalEnds(policy) : undefined;
        findings.push(...connects(place, setting, [outbound.localAddress], { to, port, targets: outside }));
      }
    }
  }
  return findings;
}

/** webmail.yaml against the policy: HTTPS outside, one connection inwards, and out to push services if there are any. */
export function checkWebmailSettings(policy: Policy, settings: WebmailAddresses): Finding[] {
  const host = hostThatRuns(policy, 'webmail');
  if (host === undefined) return [finding('webmail.yaml', 'the policy has no host that runs webmail')];
  const place = { policy, host, file: 'webmail.yaml' };
  const { innerAddress, store, push } = settings;
  // The kernel chooses the leg by the route.
  const from = endsOf(policy, host).flatMap(({ prefixes }) => prefixes.map(({ text }) => text));
  const targets = externalEnds(policy);
  return [
    ...allListen(place, settings),
    ...connects(place, 'store', [innerAddress], { to: store.host, port: store.port }),
    ...(push?.services ?? []).flatMap((service) => {
      const { to, port } = ofUrl(`https://${service.replace(/^\*\./, '')}`);
      return connects(place, 'push.services', from, { to, port, targets });
    }),
  ];
}

/** store.yaml against the policy. */
export function checkStoreSettings(policy: Policy, settings: StoreAddresses): Finding[] {
  const host = hostThatRuns(policy, 'store');
  if (host === undefined) return [finding('store.yaml', 'the policy has no host that runs the store')];
  const place = { policy, host, file: 'store.yaml' };
  const { lmtp, directory, database, hub, console: administration } = settings;
  const findings = allListen(place, settings);
  const own = directory.localAddress ?? lmtp.listen.address;
  for (const url of directory.urls) findings.push(...connects(place, 'directory.urls', [own], ofUrl(url)));
  for (const url of urlsOfHosts(database.url)) {
    findings.push(...connects(place, 'database.url', [lmtp.listen.address], ofUrl(url)));
  }
  if (hub?.relay !== undefined) {
    const { host: to, port } = hub.relay;
    findings.push(...connects(place, 'hub.relay', [lmtp.listen.address], { to, port }));
  }
  if (administration?.relay !== undefined) {
    findings.push(...connects(place, 'console.relay.url', [lmtp.listen.address], ofUrl(administration.relay.url)));
  }
  return findings;
}

/** Every address and port below a setting that is called `listen…`: a new service is looked at from its first day. */
function allListen(place: Place, settings: object): Finding[] {
  return listenersOf(settings, []).flatMap(({ path, address, port }) => listens(place, path, { address, port }));
}

function listenersOf(value: unknown, path: readonly string[]): { path: string; address: string; port: number }[] {
  if (typeof value !== 'object' || value === null) return [];
  const named = path.some((key) => /^listen/.test(key));
  const { address, port } = value as { address?: unknown; port?: unknown };
  if (named && typeof address === 'string' && typeof port === 'number') {
    return [{ path: path.join('.').replace(/\.(\d+)/g, '[$1]'), address, port }];
  }
  return Object.entries(value).flatMap(([key, child]) => listenersOf(child, [...path, key]));
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

/** A connection that the settings ask for. */
interface Wanted {
  readonly to: string;
  readonly port: number;
  readonly transport?: 'tcp' | 'udp';
  /** Where `to` stands, when the policy cannot know its name. */
  readonly targets?: readonly End[] | undefined;
}

/** @param from addresses from which it may leave; one of them has to be permitted */
function connects(place: Place, setting: string, from: readonly string[], wanted: Wanted): Finding[] {
  const { policy, host } = place;
  const { to, port, transport = 'tcp' } = wanted;
  const where = `${place.file}: ${setting}`;
  if (isLoopback(to)) return [];
  const sources = from.map((address) => legOf(policy, host, address)).filter((leg) => leg !== undefined);
  if (sources.length === 0) return [finding(where, `leaves from ${from.join(', ')}, which is no leg of ${host}`)];
  const targets = wanted.targets ?? targetsOf(policy, to);
  if (targets.length === 0)
    return [finding(where, `connects to ${to}, which the policy does not know (hosts.*.names)`)];
  const permitted = sources.some((source) =>
    targets.some((target) => permittingPath(policy, source, target, transport, port) !== undefined),
  );
  if (permitted) return [];
  const legs = [...new Set(sources.map(({ leg }) => `${host}.${leg}`))].join(' or ');
  return [finding(where, `connects from ${legs} to ${to} port ${port}, and no flow permits it`)];
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

function hostThatRuns(policy: Policy, part: 'gateway' | 'webmail' | 'store'): string | undefined {
  return Object.entries(policy.hosts).find(([, { runs }]) => runs === part)?.[0];
}

function externalEnds(policy: Policy): End[] {
  return Object.keys(policy.zones)
    .filter((name) => policy.zones[name]?.external === true)
    .flatMap((name) => endsOf(policy, name));
}

function ofUrl(text: string): Wanted {
  const url = new URL(text);
  const defaults: Record<string, number> = { 'ldap:': 389, 'ldaps:': 636, 'mysql:': 3306, 'http:': 80, 'https:': 443 };
  const port = url.port === '' ? (defaults[url.protocol] ?? 0) : Number(url.port);
  return { to: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/** `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`. */
function ofNameServer(text: string): { to: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  return { to: bracketed ?? plain ?? text, port: Number(port ?? 53) };
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

function finding(where: string, text: string): Finding {
  return { kind: 'SETTINGS', where, text };
}
