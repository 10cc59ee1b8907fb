import type { AddressMatch, Chain, Rule, RuleSet } from './rules.ts';

/** Name of the one table, in the family `inet`, that holds everything of ours. */
export const TABLE = 'postern';

/** A chain as nftables lists it. */
export interface ListedChain {
  readonly name: string;
  /** `type filter hook forward priority filter; policy drop;` */
  readonly header: string;
  /** Without indentation, in order. */
  readonly rules: readonly string[];
}

/**
 * A whole rule set as input for `nft -f`. Loading it is one transaction: the table is made (so that deleting it never
 * fails), deleted, and made anew, and no packet meets a half of it.
 */
export function renderNftables({ owner, chains }: RuleSet): string {
  const body = chains.map((chain) => {
    const header = `type ${chain.kind} hook ${chain.hook} priority ${chain.priority}; policy ${chain.policy};`;
    const rules = chain.rules.map((rule) => `    ${renderRule(rule, chain)}\n`).join('');
    return `  chain ${chain.name} {\n    ${header}\n${rules}  }\n`;
  });
  return `# ${owner}: rendered from the zone policy by postern-zones; changes belong there.
table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
${body.join('\n')}}
`;
}

function renderRule(rule: Rule, chain: Chain): string {
  const ip = rule.family === 6 ? 'ip6' : 'ip';
  const parts: string[] = [];
  if (rule.input !== undefined) parts.push(`iifname "${rule.input}"`);
  if (rule.output !== undefined) parts.push(`oifname "${rule.output}"`);
  if (rule.route === 'no-route-back') parts.push('iifname != "lo" fib saddr . iif oif missing');
  if (rule.route === 'other-leg') {
    parts.push('iifname != "lo" fib daddr . iif type != { local, broadcast, anycast, multicast }');
  }
  if (rule.source !== undefined) parts.push(`${ip} saddr ${renderAddresses(rule.source)}`);
  if (rule.destination !== undefined) parts.push(`${ip} daddr ${renderAddresses(rule.destination)}`);
  if (rule.icmpTypes !== undefined) {
    parts.push(`${rule.family === 6 ? 'icmpv6' : 'icmp'} type ${renderSet(rule.icmpTypes)}`);
  }
  if (rule.transport !== undefined) parts.push(`${rule.transport} dport ${renderSet(rule.ports ?? [])}`);
  if (rule.state !== undefined)
    parts.push(`ct state ${rule.state === 'established' ? 'established,related' : rule.state}`);
  if (rule.limit !== undefined) {
    parts.push(`limit rate ${rule.limit.perSecond}/second burst ${rule.limit.burst} packets`);
  }
  if (rule.beyondPerSource !== undefined) {
    const { name, perSecond, burst } = rule.beyondPerSource;
    parts.push(
      `meter ${name}-${chain.name} { ${ip} saddr limit rate over ${perSecond}/second burst ${burst} packets }`,
    );
  }
  parts.push('counter', renderVerdict(rule), `comment "${rule.comment}"`);
  return parts.join(' ');
}

function renderVerdict({ verdict }: Rule): string {
  switch (verdict.kind) {
    case 'log':
      return `log prefix "${verdict.prefix}"`;
    case 'destination-nat':
      return `dnat ip to ${verdict.address}`;
    case 'source-nat':
      return `snat ip to ${verdict.address}`;
    default:
      return verdict.kind;
  }
}

function renderAddresses({ prefixes, negated }: AddressMatch): string {
  return `${negated ? '!= ' : ''}${renderSet(prefixes)}`;
}

function renderSet(elements: readonly string[]): string {
  return elements.length === 1 ? String(elements[0]) : `{ ${elements.join(', ')} }`;
}

/**
 * Reads what `nft -s list table inet postern` prints, or what {@link renderNftables} made: the chains in order, their rules as lines.
 *
 * @throws SyntaxError with the line when braces do not match
 */
export function parseNftables(text: string): ListedChain[] {
  const chains: ListedChain[] = [];
  let chain: { name: string; header: string; rules: string[] } | undefined;
  let inTable = false;
  for (const [n, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const opening = /^chain (\S+) \{$/.exec(line);
    if (line === '' || line.startsWith('#')) continue;
    if (line === `table inet ${TABLE} {`) inTable = true;
    else if (!inTable) continue;
    else if (opening !== null) {
      if (chain !== undefined) throw new SyntaxError(`line ${n + 1}: a chain within a chain`);
      chain = { name: opening[1] ?? '', header: '', rules: [] };
    } else if (line === '}') {
      if (chain === undefined) inTable = false;
      else chains.push(chain);
      chain = undefined;
    } else if (chain === undefined) {
      // Sets that nftables keeps for meters stand beside the chains; they hold counts, not rules.
    } else if (line.startsWith('type ')) chain.header = line;
    else chain.rules.push(line);
  }
  if (inTable || chain !== undefined) throw new SyntaxError('the text ends within a table');
  return chains;
}

/** The flow id or guard name at the end of a listed rule. */
export function commentOf(rule: string): string | undefined {
  return /comment "([^"]*)"$/.exec(rule)?.[1];
}
