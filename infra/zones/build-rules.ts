import { NEVER_OUTSIDE, type Prefix, parsePrefix } from './address.ts';
import { echoRules, errorRules, neighbourRules } from './icmp-rules.ts';
import { covers, type End, endsOf, internalPrefixes, type Path, pathsOf } from './paths.ts';
import type { Policy } from './policy.ts';
import type { AddressMatch, Chain, Rule, RuleSet } from './rules.ts';

const FAMILIES = [4, 6] as const;
const DROP = { kind: 'drop' } as const;
const ACCEPT = { kind: 'accept' } as const;
/** IPv6 neighbours talk from these before and beside their addresses of the network (RFC 4861). */
const LINK_LOCAL = ['fe80::/10', '::/128'].map(parsePrefix);

/** The rule sets of every firewall and host, by name. */
export function allRuleSets(policy: Policy): RuleSet[] {
  return [
    ...Object.keys(policy.firewalls).map((name) => firewallRules(policy, name)),
    ...Object.keys(policy.hosts).map((name) => hostRules(policy, name)),
  ];
}

/** What passes through a firewall: flows, address translation, and no spoofed source. What reaches the firewall itself from inside stays with its administrators. */
export function firewallRules(policy: Policy, name: string): RuleSet {
  const interfaces = Object.entries(policy.firewalls[name]?.interfaces ?? {});
  const interfaceOf = (network: string): string | undefined => interfaces.find(([, i]) => i.network === network)?.[0];
  const isExternal = (network: string): boolean => policy.zones[network]?.external === true;
  const external = interfaces.filter(([, { network }]) => isExternal(network)).map(([nic]) => nic);
  const trust = (network: string): number =>
    Object.entries(policy.zones).find(([zone, z]) => zone === network || network in z.networks)?.[1].trust ?? 0;

  const paths = pathsOf(policy).filter((path) => path.through?.includes(name));
  const forward: Rule[] = [...stateRules(), ...errorRules()];
  for (const [input, from] of interfaces) {
    for (const [output, to] of interfaces) {
      // Who is trusted more may see whether a host lives; RFC 4890 §4.3.1 wants IPv6 echo to pass on the Internet too.
      if (input === output) continue;
      if (trust(from.network) >= trust(to.network)) forward.push(...echoRules({ input, output }));
      else if (isExternal(from.network)) forward.push(...echoRules({ input, output }, [6]));
    }
  }
  for (const path of paths) {
    forward.push(
      ...flowRules(policy, path, { input: interfaceOf(path.from.network), output: interfaceOf(path.to.network) }),
    );
  }
  forward.push(logRule(name));

  const chains: Chain[] = [
    filterChain('guard', 'prerouting', 'raw', 'accept', spoofRules(policy, name)),
    filterChain('forward', 'forward', 'filter', 'drop', forward),
  ];
  if (external.length > 0) {
    const own = external.flatMap((input) => [
      ...stateRules(),
      ...neighbourRules({ input }),
      ...errorRules({ input }),
      ...echoRules({ input }),
      { comment: 'nothing for the firewall itself', input, verdict: DROP },
    ]);
    chains.push(filterChain('input', 'input', 'filter', 'accept', own), ...translation(policy, paths, external));
    const leaving = external.flatMap((output) =>
      FAMILIES.flatMap((family): Rule[] => [
        { comment: 'no private source leaves', family, output, source: match(NEVER_OUTSIDE, family), verdict: DROP },
        {
          comment: 'no private destination leaves',
          family,
          output,
          destination: match(NEVER_OUTSIDE, family),
          verdict: DROP,
        },
      ]),
    );
    // After translation: the last look at what goes out.
    chains.push(filterChain('leaving', 'postrouting', 'srcnat + 10', 'accept', leaving));
  }
  return { owner: name, chains };
}

/**
 * What a host lets in and out: its own flows alone, each on the leg that it is meant for, and nothing through it.
 *
 * @param carries the hosts of the policy that this machine is, when it is more than the one of its name: what they say to each
 * other stays on its loopback
 */
export function hostRules(policy: Policy, name: string, carries: readonly string[] = [name]): RuleSet {
  const paths = pathsOf(policy).filter((path) => path.through !== undefined);
  // A flow may name the host, or a network in which it stands.
  const legs = carries.flatMap((host) => endsOf(policy, host));
  const concerns = (end: End): boolean => legs.some((leg) => end.prefixes.length > 0 && covers(end, leg));
  const input: Rule[] = [
    { comment: 'loopback', input: 'lo', verdict: ACCEPT },
    ...stateRules(),
    ...neighbourRules({}),
    ...errorRules(),
    ...echoRules({}),
  ];
  const output: Rule[] = [
    { comment: 'loopback', output: 'lo', verdict: ACCEPT },
    ...stateRules(),
    ...neighbourRules({}),
    ...errorRules(),
    ...echoRules({}),
  ];
  for (const path of paths) {
    if (concerns(path.to)) input.push(...flowRules(policy, path, {}));
    if (concerns(path.from)) output.push(...flowRules(policy, path, {}));
  }
  input.push(logRule(name));
  output.push(logRule(name));
  const guard: Rule[] = [
    { comment: 'no route back', route: 'no-route-back', verdict: DROP },
    { comment: 'address of another leg', route: 'other-leg', verdict: DROP },
  ];
  return {
    owner: name,
    chains: [
      filterChain('guard', 'prerouting', 'raw', 'accept', guard),
      filterChain('input', 'input', 'filter', 'drop', input),
      filterChain('forward', 'forward', 'filter', 'drop', [logRule(name)]),
      filterChain('output', 'output', 'filter', 'drop', output),
    ],
  };
}

/** One accept rule a family and transport; before it, where a rate is set, the drop of what goes beyond. */
function flowRules(policy: Policy, path: Path, legs: Pick<Rule, 'input' | 'output'>): Rule[] {
  const { flow, from, to } = path;
  const protocol = policy.protocols[flow.protocol];
  const rules: Rule[] = [];
  for (const family of FAMILIES) {
    const source = side(policy, from, family);
    const destination = side(policy, to, family);
    if (source === undefined || destination === undefined) continue;
    for (const transport of ['tcp', 'udp'] as const) {
      const ports = (protocol?.[transport] ?? []).map(String);
      if (ports.length === 0) continue;
      const rule = { ...legs, comment: flow.id, family, source, destination, transport, ports, state: 'new' } as const;
      if (flow.perSource !== undefined && to.host !== undefined && from.prefixes.length === 0) {
        const beyondPerSource = { name: `${flow.id}-v${family}`, ...flow.perSource };
        rules.push({ ...rule, comment: `${flow.id} beyond its rate`, beyondPerSource, verdict: DROP });
      }
      rules.push({ ...rule, verdict: ACCEPT });
    }
  }
  return rules;
}

/** "The Internet" is what belongs to no network of the policy: else a rule for port 25 outwards would open the corporate network. */
function side(policy: Policy, end: End, family: 4 | 6): AddressMatch | undefined {
  if (end.prefixes.length === 0) return { ...match([...internalPrefixes(policy)], family), negated: true };
  const own = match(end.prefixes, family);
  return own.prefixes.length === 0 ? undefined : own;
}

function match(prefixes: readonly Prefix[], family: 4 | 6): AddressMatch {
  return { prefixes: prefixes.filter((p) => p.family === family).map((p) => p.text), negated: false };
}

/** Each inner interface takes its own network's sources alone; the outer one takes none of ours, and no private address. */
function spoofRules(policy: Policy, name: string): Rule[] {
  const rules: Rule[] = [];
  for (const [input, { network }] of Object.entries(policy.firewalls[name]?.interfaces ?? {})) {
    const own = Object.values(policy.zones).find((zone) => network in zone.networks)?.networks[network]?.prefixes;
    for (const family of FAMILIES) {
      if (own === undefined) {
        const foreign = match([...NEVER_OUTSIDE, ...internalPrefixes(policy)], family);
        const source = { ...foreign, prefixes: withoutCovered(foreign.prefixes) };
        rules.push({ comment: 'spoofed source', family, input, source, verdict: DROP });
        const destination = match(NEVER_OUTSIDE, family);
        rules.push({ comment: 'private destination', family, input, destination, verdict: DROP });
      } else {
        const neighbours = family === 6 ? LINK_LOCAL : [];
        const source = { ...match([...own.map(parsePrefix), ...neighbours], family), negated: true };
        rules.push({ comment: 'spoofed source', family, input, source, verdict: DROP });
      }
    }
  }
  return rules;
}

/** A set of intervals must not overlap. */
function withoutCovered(texts: readonly string[]): string[] {
  const prefixes = texts.map(parsePrefix);
  return texts.filter((_, n) =>
    prefixes.every((other, m) => {
      const mine = prefixes[n];
      if (m === n || mine === undefined || other.length > mine.length) return true;
      if (other.length === mine.length) return other.first !== mine.first || n < m;
      const shift = BigInt((mine.family === 4 ? 32 : 128) - other.length);
      return mine.first >> shift !== other.first >> shift;
    }),
  );
}

/** The public address of a leg stands for it outside, in both directions. IPv6 needs none of it. */
function translation(policy: Policy, paths: readonly Path[], external: readonly string[]): Chain[] {
  const inwards: Rule[] = [];
  const outwards: Rule[] = [];
  const legOf = ({ host, leg }: End) => policy.hosts[host ?? '']?.legs[leg ?? ''];
  for (const { flow, from, to } of paths) {
    const leg = legOf(to);
    const address = leg?.addresses.find((a) => parsePrefix(a).family === 4);
    if (from.prefixes.length > 0 || leg?.public === undefined || address === undefined) continue;
    for (const transport of ['tcp', 'udp'] as const) {
      const ports = (policy.protocols[flow.protocol]?.[transport] ?? []).map(String);
      if (ports.length === 0) continue;
      for (const input of external) {
        inwards.push({
          comment: flow.id,
          family: 4,
          input,
          destination: { prefixes: [leg.public], negated: false },
          transport,
          ports,
          verdict: { kind: 'destination-nat', address },
        });
      }
    }
  }
  for (const [host, { legs }] of Object.entries(policy.hosts)) {
    for (const leg of Object.values(legs)) {
      const address = leg.addresses.find((a) => parsePrefix(a).family === 4);
      if (leg.public === undefined || address === undefined) continue;
      for (const output of external) {
        outwards.push({
          comment: `${host} outside`,
          family: 4,
          output,
          source: { prefixes: [address], negated: false },
          verdict: { kind: 'source-nat', address: leg.public },
        });
      }
    }
  }
  return [
    { name: 'translate-in', kind: 'nat', hook: 'prerouting', priority: 'dstnat', policy: 'accept', rules: inwards },
    { name: 'translate-out', kind: 'nat', hook: 'postrouting', priority: 'srcnat', policy: 'accept', rules: outwards },
  ];
}

function stateRules(): Rule[] {
  return [
    { comment: 'answers', state: 'established', verdict: ACCEPT },
    { comment: 'belongs to no connection', state: 'invalid', verdict: DROP },
  ];
}

/** The last rule before the policy drops: a flood of drops must not fill the log. */
function logRule(owner: string): Rule {
  const verdict = { kind: 'log', prefix: `postern ${owner.slice(0, 12)} drop ` } as const;
  return { comment: 'dropped', limit: { perSecond: 5, burst: 20 }, verdict };
}

function filterChain(
  name: string,
  hook: Chain['hook'],
  priority: string,
  policy: Chain['policy'],
  rules: readonly Rule[],
): Chain {
  return { name, kind: 'filter', hook, priority, policy, rules };
}
