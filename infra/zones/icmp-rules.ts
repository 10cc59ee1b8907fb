import type { IcmpType, Rule } from './rules.ts';

type Legs = Pick<Rule, 'input' | 'output'>;

const ACCEPT = { kind: 'accept' } as const;

/** RFC 4890 §4.3.1 and RFC 1812 §4.3: without these path MTU discovery and quick failure end. Packet Too Big of IPv4 is a code of type 3. */
const ERRORS: Readonly<Record<4 | 6, readonly IcmpType[]>> = {
  4: ['destination-unreachable', 'time-exceeded', 'parameter-problem'],
  6: ['destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem'],
};

/** RFC 4890 §4.4.1: without these no IPv6 address is reached on the link. */
const NEIGHBOURS: readonly IcmpType[] = [
  'nd-router-solicit',
  'nd-router-advert',
  'nd-neighbor-solicit',
  'nd-neighbor-advert',
  'mld-listener-query',
  'mld2-listener-report',
];

/** Error messages pass, whatever their direction. */
export function errorRules(legs: Legs = {}): Rule[] {
  return ([4, 6] as const).map((family) => ({
    comment: 'ICMP errors',
    family,
    ...legs,
    icmpTypes: ERRORS[family],
    limit: { perSecond: 200, burst: 400 },
    verdict: ACCEPT,
  }));
}

/** Echo passes slowly. */
export function echoRules(legs: Legs, families: readonly (4 | 6)[] = [4, 6]): Rule[] {
  return families.map((family) => ({
    comment: 'ping',
    family,
    ...legs,
    icmpTypes: ['echo-request'],
    limit: { perSecond: 10, burst: 20 },
    verdict: ACCEPT,
  }));
}

/** Neighbour discovery of a host or of the firewall itself; a router never forwards it. */
export function neighbourRules(legs: Legs): Rule[] {
  return [{ comment: 'IPv6 neighbours', family: 6, ...legs, icmpTypes: NEIGHBOURS, verdict: ACCEPT }];
}
