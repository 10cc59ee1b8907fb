import type { Chain, IcmpType, Rule, RuleSet } from './rules.ts';

/** IANA's numbers: iptables spells some names otherwise than nftables does. */
const ICMP_NUMBERS: Readonly<Record<4 | 6, Partial<Record<IcmpType, number>>>> = {
  4: { 'destination-unreachable': 3, 'time-exceeded': 11, 'parameter-problem': 12, 'echo-request': 8 },
  6: {
    'destination-unreachable': 1,
    'packet-too-big': 2,
    'time-exceeded': 3,
    'parameter-problem': 4,
    'echo-request': 128,
    'nd-router-solicit': 133,
    'nd-router-advert': 134,
    'nd-neighbor-solicit': 135,
    'nd-neighbor-advert': 136,
    'mld-listener-query': 130,
    'mld2-listener-report': 143,
  },
};

/** addrtype unites types for IPv4 and intersects them for IPv6, where neighbours are looked for by multicast. */
const OTHER_LEG: Readonly<Record<4 | 6, string>> = {
  4: '! -i lo -m addrtype ! --dst-type LOCAL,BROADCAST,ANYCAST,MULTICAST --limit-iface-in',
  6: '! -i lo ! -d ff00::/8 -m addrtype ! --dst-type LOCAL --limit-iface-in',
};

interface TableText {
  readonly policies: Map<string, string>;
  readonly chains: string[];
  readonly rules: string[];
}

/** Where iptables keeps a chain of ours. What `guard` and `leaving` look at fits the tables raw and mangle. */
function placeOf(chain: Chain): { table: string; builtin: string } {
  const builtin = chain.hook.toUpperCase();
  if (chain.kind === 'nat') return { table: 'nat', builtin };
  if (chain.hook === 'prerouting') return { table: 'raw', builtin };
  return { table: chain.hook === 'postrouting' ? 'mangle' : 'filter', builtin };
}

/**
 * The rule set for `iptables-restore` (family 4) or `ip6tables-restore` (family 6): each table is replaced in one step. The look at sources that
 * leave stands before source NAT here (iptables has no hook behind it), so that translated hosts are exempt from it by name.
 */
export function renderIptablesSave(set: RuleSet, family: 4 | 6): string {
  const tables = new Map<string, TableText>();
  const translated = set.chains.flatMap(({ rules }) =>
    rules.flatMap(({ verdict, source }) => (verdict.kind === 'source-nat' ? (source?.prefixes ?? []) : [])),
  );
  for (const chain of set.chains) {
    const { table, builtin } = placeOf(chain);
    const to: TableText = tables.get(table) ?? { policies: new Map(), chains: [], rules: [] };
    tables.set(table, to);
    to.policies.set(builtin, chain.policy.toUpperCase());
    if (table === 'mangle' && family === 4) {
      for (const one of translated) to.rules.push(`-A ${builtin} -s ${one} -j ACCEPT`);
    }
    for (const rule of chain.rules) {
      if (rule.family !== undefined && rule.family !== family) continue;
      const negated = [rule.source, rule.destination].find((match) => match?.negated && match.prefixes.length > 1);
      for (const line of renderRule(rule, family, chain)) {
        if (negated === undefined) {
          to.rules.push(`-A ${builtin} ${line}`);
          continue;
        }
        // Several networks to leave out need a chain of their own, which returns for each of them.
        const own = `p${to.chains.length}-${rule.comment.replaceAll(' ', '-')}`.slice(0, 28);
        const [matches = '', target = ''] = line.split(/ (?=-j )/);
        to.chains.push(`:${own} - [0:0]`);
        to.rules.push(`-A ${builtin} ${matches} -j ${own}`);
        const flag = negated === rule.source ? '-s' : '-d';
        for (const prefix of negated.prefixes) to.rules.push(`-A ${own} ${flag} ${prefix} -j RETURN`);
        to.rules.push(`-A ${own} ${target}`);
      }
    }
  }
  const body = [...tables].map(([table, { policies, chains, rules }]) => {
    const heads = [...policies].map(([builtin, policy]) => `:${builtin} ${policy} [0:0]`);
    return [`*${table}`, ...heads, ...chains, ...rules, 'COMMIT'].join('\n');
  });
  return `# ${set.owner}: rendered from the zone policy by postern-zones; changes belong there.\n${body.join('\n')}\n`;
}

/** One nftables rule may be several of iptables: one for each pair of networks, and one for each ICMP type. */
function renderRule(rule: Rule, family: 4 | 6, chain: Chain): string[] {
  const parts: string[] = [];
  if (rule.input !== undefined) parts.push(`-i ${rule.input}`);
  if (rule.output !== undefined) parts.push(`-o ${rule.output}`);
  if (rule.route === 'no-route-back') parts.push('! -i lo -m rpfilter --invert');
  if (rule.route === 'other-leg') parts.push(OTHER_LEG[family]);
  const after: string[] = [];
  if (rule.transport !== undefined) after.push(`-p ${rule.transport}${renderPorts(rule.ports ?? [])}`);
  if (rule.state !== undefined) {
    const states = { new: 'NEW', established: 'ESTABLISHED,RELATED', invalid: 'INVALID' } as const;
    after.push(`-m conntrack --ctstate ${states[rule.state]}`);
  }
  if (rule.limit !== undefined) {
    after.push(`-m limit --limit ${rule.limit.perSecond}/sec --limit-burst ${rule.limit.burst}`);
  }
  if (rule.beyondPerSource !== undefined) {
    const { name, perSecond, burst } = rule.beyondPerSource;
    const rate = `--hashlimit-above ${perSecond}/sec --hashlimit-burst ${burst} --hashlimit-mode srcip`;
    after.push(`-m hashlimit ${rate} --hashlimit-name ${`${name}-${chain.hook[0]}`.slice(0, 32)}`);
  }
  after.push(`-m comment --comment "${rule.comment}"`, `-j ${renderTarget(rule)}`);
  const icmp = (rule.icmpTypes ?? []).flatMap((type) => ICMP_NUMBERS[family][type] ?? []);
  const protocols = rule.icmpTypes === undefined ? [''] : icmp.map((n) => icmpMatch(family, n));
  return sides(rule.source, '-s').flatMap((source) =>
    sides(rule.destination, '-d').flatMap((destination) =>
      protocols.map((protocol) => [...parts, source, destination, protocol, ...after].filter(Boolean).join(' ')),
    ),
  );
}

function icmpMatch(family: 4 | 6, type: number): string {
  return family === 4 ? `-p icmp --icmp-type ${type}` : `-p ipv6-icmp --icmpv6-type ${type}`;
}

function sides(match: Rule['source'], flag: '-s' | '-d'): string[] {
  if (match === undefined || (match.negated && match.prefixes.length > 1)) return [''];
  return match.prefixes.map((prefix) => `${match.negated ? '! ' : ''}${flag} ${prefix}`);
}

function renderPorts(ports: readonly string[]): string {
  const texts = ports.map((port) => port.replace('-', ':'));
  return texts.length === 1 ? ` --dport ${texts[0]}` : ` -m multiport --dports ${texts.join(',')}`;
}

function renderTarget({ verdict }: Rule): string {
  switch (verdict.kind) {
    case 'log':
      return `LOG --log-prefix "${verdict.prefix}"`;
    case 'destination-nat':
      return `DNAT --to-destination ${verdict.address}`;
    case 'source-nat':
      return `SNAT --to-source ${verdict.address}`;
    default:
      return verdict.kind.toUpperCase();
  }
}
