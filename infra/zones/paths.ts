import { contains, type Prefix, parsePrefix } from './address.ts';
import type { Flow, Policy } from './policy.ts';

/** One side of a flow in one network. */
export interface End {
  readonly zone: string;
  /** The network, or the name of the external zone. */
  readonly network: string;
  /** Empty for the external zone: whatever belongs to no network of the policy. */
  readonly prefixes: readonly Prefix[];
  readonly host?: string;
  readonly leg?: string;
}

/** A flow from one end to one other: what a firewall has a rule for. */
export interface Path {
  readonly flow: Flow;
  readonly from: End;
  readonly to: End;
  /** Firewalls that forward it; none within a network, undefined when no firewall joins the two. */
  readonly through: readonly string[] | undefined;
}

/** The ends that a zone, network, host or `host.leg` stands for; empty for an unknown name. */
export function endsOf(policy: Policy, name: string): End[] {
  const [hostName = '', legName] = name.split('.');
  const host = policy.hosts[hostName];
  if (host !== undefined) {
    return Object.entries(host.legs)
      .filter(([leg]) => legName === undefined || leg === legName)
      .map(([leg, { network, addresses }]) => ({
        zone: zoneOf(policy, network),
        network,
        prefixes: addresses.map(parsePrefix),
        host: hostName,
        leg,
      }));
  }
  const ends: End[] = [];
  for (const [zone, { external, networks }] of Object.entries(policy.zones)) {
    if (external && zone === name) ends.push({ zone, network: zone, prefixes: [] });
    for (const [network, { prefixes }] of Object.entries(networks)) {
      if (zone === name || network === name) ends.push({ zone, network, prefixes: prefixes.map(parsePrefix) });
    }
  }
  return ends;
}

/** The end that an address belongs to: a leg, else a network, else the external zone. */
export function endOfAddress(policy: Policy, address: string): End | undefined {
  const wanted = parsePrefix(address);
  for (const hostName of Object.keys(policy.hosts)) {
    for (const end of endsOf(policy, hostName)) {
      if (end.prefixes.some((prefix) => contains(prefix, wanted))) return end;
    }
  }
  for (const zone of Object.keys(policy.zones)) {
    for (const end of endsOf(policy, zone)) {
      if (end.prefixes.some((prefix) => contains(prefix, wanted))) return { ...end, prefixes: [wanted] };
    }
  }
  return Object.keys(policy.zones)
    .flatMap((zone) => endsOf(policy, zone))
    .find((end) => end.prefixes.length === 0);
}

/** The paths of a policy are asked for with each connection; a policy that was read is never changed. */
const pathsByPolicy = new WeakMap<Policy, readonly Path[]>();

/** Every enabled flow, end by end. */
export function pathsOf(policy: Policy): readonly Path[] {
  const known = pathsByPolicy.get(policy);
  if (known !== undefined) return known;
  const paths = policy.flows.filter((flow) => flow.enabled).flatMap((flow) => pathsOfFlow(policy, flow));
  pathsByPolicy.set(policy, paths);
  return paths;
}

/** One flow, end by end, whether it is enabled or not. */
export function pathsOfFlow(policy: Policy, flow: Flow): Path[] {
  const ends = (names: readonly string[]): End[] => names.flatMap((name) => endsOf(policy, name));
  const paths: Path[] = [];
  for (const from of ends(flow.from)) {
    for (const to of ends(flow.to)) {
      if (from.host !== undefined && from.host === to.host) continue;
      paths.push({ flow, from, to, through: firewallsBetween(policy, from.network, to.network) });
    }
  }
  return paths;
}

/** The firewalls on the way from one network to another: none within one, undefined when no single firewall joins them. */
export function firewallsBetween(policy: Policy, from: string, to: string): string[] | undefined {
  if (from === to) return [];
  const joining = Object.entries(policy.firewalls).filter(([, { interfaces }]) => {
    const networks = Object.values(interfaces).map(({ network }) => network);
    return networks.includes(from) && networks.includes(to);
  });
  return joining.length === 0 ? undefined : joining.map(([name]) => name);
}

/** The prefixes of all networks of the policy: what "to the Internet" must leave out. */
export function internalPrefixes(policy: Policy): Prefix[] {
  return Object.values(policy.zones).flatMap(({ networks }) =>
    Object.values(networks).flatMap(({ prefixes }) => prefixes.map(parsePrefix)),
  );
}

/** First and last port of `25` or `8000-8010`. */
export function portRange(text: string | number): readonly [number, number] {
  const [first = 0, last = first] = String(text).split('-').map(Number);
  return [first, last];
}

/** Whether the flow's protocol has this port. */
export function protocolHas(policy: Policy, name: string, transport: 'tcp' | 'udp', port: number): boolean {
  return (policy.protocols[name]?.[transport] ?? []).some((text) => {
    const [first, last] = portRange(text);
    return port >= first && port <= last;
  });
}

/** Whether an end of a flow covers an end that is asked for. */
export function covers(outer: End, inner: End): boolean {
  if (outer.network !== inner.network) return false;
  if (outer.prefixes.length === 0) return inner.prefixes.length === 0;
  return inner.prefixes.some((one) => outer.prefixes.some((prefix) => contains(prefix, one)));
}

/** The path that permits a connection, if one does. */
export function permittingPath(
  policy: Policy,
  from: End,
  to: End,
  transport: 'tcp' | 'udp',
  port: number,
): Path | undefined {
  return pathsOf(policy).find(
    (path) =>
      path.through !== undefined &&
      protocolHas(policy, path.flow.protocol, transport, port) &&
      covers(path.from, from) &&
      covers(path.to, to),
  );
}

function zoneOf(policy: Policy, network: string): string {
  const found = Object.entries(policy.zones).find(([name, zone]) => name === network || network in zone.networks);
  return found?.[0] ?? network;
}
