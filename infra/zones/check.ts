import { contains } from './address.ts';
import { type End, endsOf, type Path, pathsOf, pathsOfFlow, portRange } from './paths.ts';
import type { Policy, Protocol } from './policy.ts';

export type FindingKind =
  | 'BREAK'
  | 'SKIP'
  | 'WIDE'
  | 'UNKNOWN'
  | 'REASON'
  | 'UNREACHABLE'
  | 'SETTINGS'
  | 'COMPOSE'
  | 'REQUIRED';

/** One thing that is wrong with a policy, or with what should follow it. */
export interface Finding {
  readonly kind: FindingKind;
  /** Flow id, or the setting's path. */
  readonly where: string;
  /** One sentence. */
  readonly text: string;
}

/** More ports than this in one protocol are no protocol. */
const MOST_PORTS = 16;

/** Families that a port belongs to whatever the policy calls it: renaming a protocol must not hide a break. */
const FAMILY_OF_PORT: Readonly<Record<number, string>> = {
  25: 'smtp',
  465: 'smtp',
  587: 'smtp',
  143: 'imap',
  993: 'imap',
  110: 'pop3',
  995: 'pop3',
  24: 'lmtp',
  389: 'ldap',
  636: 'ldap',
  80: 'http',
  443: 'http',
  53: 'dns',
  22: 'ssh',
  3306: 'mysql',
  4190: 'managesieve',
};

/** Everything that is wrong with a policy, in the order of its flows; disabled flows are judged too, because somebody will enable them. */
export function checkPolicy(policy: Policy): Finding[] {
  return [
    ...policy.flows.flatMap((flow): Finding[] => {
      const protocol = policy.protocols[flow.protocol];
      const paths = pathsOfFlow(policy, flow);
      return [
        ...(flow.reason.trim() === '' ? [finding('REASON', flow.id, 'says no reason')] : []),
        ...(protocol === undefined
          ? [finding('UNKNOWN', flow.id, `names the protocol ${flow.protocol}, which is not declared`)]
          : wideProtocol(flow.id, flow.protocol, protocol)),
        ...skips(policy, flow.id, paths),
        ...wideEnds(policy, flow.id, flow.from, flow.to),
        ...(paths.some((path) => path.through !== undefined)
          ? []
          : [finding('UNREACHABLE', flow.id, 'joins networks that no firewall joins: its rules would never be met')]),
      ];
    }),
    ...protocolFamilies(policy),
    ...protocolBreaks(policy),
    ...shadowed(policy),
  ];
}

function wideProtocol(id: string, name: string, protocol: Protocol): Finding[] {
  const ports = [...protocol.tcp, ...protocol.udp];
  const count = ports.reduce<number>((sum, text) => {
    const [first, last] = portRange(text);
    return sum + Math.max(0, last - first + 1);
  }, 0);
  if (count === 0) return [finding('UNKNOWN', id, `names the protocol ${name}, which has no port`)];
  return count > MOST_PORTS ? [finding('WIDE', id, `opens ${count} ports by the protocol ${name}`)] : [];
}

/** A flow may lead to the next zone on the ladder of trust, not past it. */
function skips(policy: Policy, id: string, paths: readonly Path[]): Finding[] {
  const ladder = [...new Set(Object.values(policy.zones).map(({ trust }) => trust))].sort((a, b) => a - b);
  const step = (end: End): number => ladder.indexOf(policy.zones[end.zone]?.trust ?? 0);
  const skipping = paths.find((path) => Math.abs(step(path.from) - step(path.to)) > 1);
  if (skipping === undefined) return [];
  return [finding('SKIP', id, `leads from ${skipping.from.zone} to ${skipping.to.zone} past the zone between them`)];
}

/** A destination is a host, or the Internet; a source that climbs is a host, or the Internet; a zone is never the source. */
function wideEnds(policy: Policy, id: string, from: readonly string[], to: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const trust = (end: End): number => policy.zones[end.zone]?.trust ?? 0;
  const lowest = Math.min(...to.flatMap((name) => endsOf(policy, name)).map(trust));
  const isHost = (name: string): boolean =>
    name.split('.')[0] !== undefined && (name.split('.')[0] ?? '') in policy.hosts;
  for (const name of to) {
    if (!isHost(name) && policy.zones[name]?.external !== true) {
      findings.push(finding('WIDE', id, `has all of ${name} as its destination: name the hosts`));
    }
  }
  for (const name of from) {
    if (isHost(name) || policy.zones[name]?.external === true) continue;
    if (name in policy.zones) findings.push(finding('WIDE', id, `has all of the zone ${name} as its source`));
    else if (endsOf(policy, name).some((end) => trust(end) < lowest)) {
      findings.push(finding('WIDE', id, `lets all of ${name} into a more trusted zone: name the hosts`));
    }
  }
  return findings;
}

function protocolFamilies(policy: Policy): Finding[] {
  return Object.entries(policy.protocols).flatMap(([name, protocol]) =>
    [...protocol.tcp, ...protocol.udp].flatMap((text) => {
      const [first, last] = portRange(text);
      const other = Object.entries(FAMILY_OF_PORT).find(
        ([port, family]) => Number(port) >= first && Number(port) <= last && family !== protocol.family,
      );
      if (other === undefined) return [];
      return [finding('UNKNOWN', name, `calls port ${other[0]} ${protocol.family}; it is ${other[1]}`)];
    }),
  );
}

/** The rule of the house: what enters a zone from below never goes on from it upwards. */
function protocolBreaks(policy: Policy): Finding[] {
  const trust = (zone: string): number => policy.zones[zone]?.trust ?? 0;
  const climbing = policy.flows.flatMap((flow) =>
    pathsOfFlow(policy, flow).filter((path) => trust(path.from.zone) < trust(path.to.zone)),
  );
  const family = (path: Path): string => policy.protocols[path.flow.protocol]?.family ?? path.flow.protocol;
  const found = new Map<string, Finding>();
  for (const entering of climbing) {
    for (const going of climbing) {
      if (entering.to.zone !== going.from.zone || family(entering) !== family(going)) continue;
      if (found.has(going.flow.id)) continue;
      const text = `${family(going)} enters ${going.from.zone} by ${entering.flow.id} and goes on into ${going.to.zone}`;
      found.set(going.flow.id, finding('BREAK', going.flow.id, text));
    }
  }
  return [...found.values()];
}

/** A rule behind one that already accepts all it would accept is never counted, and its removal closes nothing. */
function shadowed(policy: Policy): Finding[] {
  const earlier: Path[] = [];
  const findings = new Map<string, Finding>();
  for (const path of pathsOf(policy)) {
    const wider = earlier.find(
      (one) =>
        one.flow.id !== path.flow.id &&
        coversWhole(one.from, path.from) &&
        coversWhole(one.to, path.to) &&
        hasAllPorts(policy.protocols[one.flow.protocol], policy.protocols[path.flow.protocol]),
    );
    if (wider !== undefined) {
      const text = `is never reached from ${path.from.network}: ${wider.flow.id} accepts all of it`;
      findings.set(path.flow.id, finding('UNREACHABLE', path.flow.id, text));
    }
    earlier.push(path);
  }
  return [...findings.values()];
}

function coversWhole(outer: End, inner: End): boolean {
  if (outer.network !== inner.network) return false;
  if (outer.prefixes.length === 0 || inner.prefixes.length === 0)
    return outer.prefixes.length === inner.prefixes.length;
  return inner.prefixes.every((one) => outer.prefixes.some((prefix) => contains(prefix, one)));
}

function hasAllPorts(outer: Protocol | undefined, inner: Protocol | undefined): boolean {
  if (outer === undefined || inner === undefined) return false;
  return (['tcp', 'udp'] as const).every((transport) =>
    inner[transport].every((text) => {
      const [first, last] = portRange(text);
      return outer[transport].some((other) => {
        const [otherFirst, otherLast] = portRange(other);
        return otherFirst <= first && otherLast >= last;
      });
    }),
  );
}

function finding(kind: FindingKind, where: string, text: string): Finding {
  return { kind, where, text };
}
