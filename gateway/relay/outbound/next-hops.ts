import { isIPv4, isIPv6 } from 'node:net';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { type DnsAnswer, exchangers, type MxRecord, type Resolver, texts } from '../dns/resolver.ts';
import type { AddressGuard } from './address-guard.ts';

/** A server that may take mail for a domain. */
export interface MailHost {
  /** Its name, or the address of a literal. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** DNSSEC proves its addresses, so its TLSA records count (RFC 7672 §2.2.2). */
  readonly authenticated: boolean;
}

/** Where mail for a domain goes. */
export type NextHops =
  | {
      readonly kind: 'hosts';
      readonly hosts: readonly MailHost[];
      /** The MX records (or that there are none) are proven by DNSSEC. */
      readonly authenticated: boolean;
    }
  | { readonly kind: 'failed' | 'deferred'; readonly reply: Reply; readonly cause: string };

export interface NextHopOptions {
  readonly resolver: Resolver;
  readonly guard: AddressGuard;
  /** Names under which this host may stand in MX records. */
  readonly ownNames: readonly string[];
  /** Families that we can send by. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** RFC 5321 §5.1 leaves a limit to us: more exchangers, and more addresses of each, are not asked. */
const MAX_HOSTS = 10;
const MAX_ADDRESSES = 6;

const NULL_MX = reply(556, '5.1.10', 'The domain takes no mail (null MX)');
const NO_DOMAIN = reply(550, '5.1.2', 'The domain does not exist');
const NO_SERVER = reply(550, '5.4.4', 'The domain has no mail server with an address that can be reached');
const LOOP = reply(554, '5.4.6', 'Mail for the domain would come back to this host');
const DNS_AWAY = reply(451, '4.4.3', 'The DNS does not answer about the domain');

/**
 * Mail servers of a domain: its MX by preference, equal ones in random order; the domain itself where it has none (RFC 5321
 * §5.1); none where it says so (RFC 7505). A literal `[192.0.2.1]` or `[IPv6:2001:db8::1]` is its own host.
 */
export async function findNextHops(domain: string, options: NextHopOptions): Promise<NextHops> {
  const literal = /^\[(?:IPv6:)?([0-9a-f:.]+)\]$/i.exec(domain)?.[1];
  if (literal !== undefined) return reachable([await literalHost(literal, options)], true, options);
  const answer = await options.resolver.query(domain, 'MX');
  if (answer.kind === 'unknown') return { kind: 'deferred', reply: DNS_AWAY, cause: answer.cause };
  const authenticated = answer.authenticated === true;
  const records = exchangers(answer);
  // RFC 7505 §3: a single record whose exchange is the root.
  if (records.length > 0 && records.every(({ exchange }) => exchange === '' || exchange === '.')) {
    return { kind: 'failed', reply: NULL_MX, cause: 'null MX' };
  }
  const names = records.length === 0 ? [domain] : withoutOurselves(byPreference(records), options.ownNames);
  if (names.length === 0) return { kind: 'failed', reply: LOOP, cause: 'this host is the best MX' };
  const hosts: MailHost[] = [];
  let unknown: string | undefined;
  let exists = false;
  for (const name of names.slice(0, MAX_HOSTS)) {
    const found = await hostOf(name, options);
    if (found.kind === 'unknown') unknown = found.cause;
    else if (found.kind === 'found') hosts.push(found.host);
    else if (found.nameExists) exists = true;
  }
  if (hosts.length > 0) return reachable(hosts, authenticated, options, unknown);
  if (unknown !== undefined) return { kind: 'deferred', reply: DNS_AWAY, cause: unknown };
  const gone = records.length === 0 && !exists && answer.kind === 'none' && !answer.nameExists;
  return gone
    ? { kind: 'failed', reply: NO_DOMAIN, cause: `${domain} does not exist` }
    : { kind: 'failed', reply: NO_SERVER, cause: `no address of ${names.join(' ')}` };
}

/** What is left after addresses to which mail never goes. */
function reachable(
  hosts: readonly MailHost[],
  authenticated: boolean,
  { guard }: NextHopOptions,
  unknown?: string,
): NextHops {
  const refused: string[] = [];
  let own = false;
  const left: MailHost[] = [];
  for (const host of hosts) {
    const addresses = host.addresses.filter((address) => {
      const why = guard.refuses(address);
      if (why !== undefined) refused.push(`${address} (${why})`);
      if (why === 'own') own = true;
      return why === undefined;
    });
    if (addresses.length > 0) left.push({ ...host, addresses: addresses.slice(0, MAX_ADDRESSES) });
    // RFC 5321 §5.1: nor to any host behind ourselves.
    else if (own) break;
  }
  if (left.length > 0) return { kind: 'hosts', hosts: left, authenticated };
  if (unknown !== undefined) return { kind: 'deferred', reply: DNS_AWAY, cause: unknown };
  const cause = refused.length === 0 ? 'no address of a family that we send by' : `never sent to ${refused.join(', ')}`;
  return { kind: 'failed', reply: own ? LOOP : NO_SERVER, cause };
}

type HostAnswer =
  | { readonly kind: 'found'; readonly host: MailHost }
  | { readonly kind: 'none'; readonly nameExists: boolean }
  | { readonly kind: 'unknown'; readonly cause: string };

async function hostOf(name: string, { resolver, ipv4, ipv6 }: NextHopOptions): Promise<HostAnswer> {
  const none: DnsAnswer = { kind: 'none', nameExists: true, authenticated: true };
  const answers = await Promise.all([
    ipv6 ? resolver.query(name, 'AAAA') : none,
    ipv4 ? resolver.query(name, 'A') : none,
  ]);
  const addresses = answers.flatMap(texts);
  const authenticated = answers.every((a) => a.kind !== 'unknown' && a.authenticated === true);
  if (addresses.length > 0) return { kind: 'found', host: { name, addresses, authenticated } };
  const unknown = answers.find((answer) => answer.kind === 'unknown');
  if (unknown?.kind === 'unknown') return { kind: 'unknown', cause: unknown.cause };
  // Of the family that was not asked nothing is known.
  const asked = answers.filter((answer) => answer !== none);
  return { kind: 'none', nameExists: asked.some((a) => a.kind === 'none' && a.nameExists) };
}

async function literalHost(address: string, { ipv4, ipv6 }: NextHopOptions): Promise<MailHost> {
  const usable = (isIPv4(address) && ipv4) || (isIPv6(address) && ipv6);
  return { name: address, addresses: usable ? [address] : [], authenticated: false };
}

function byPreference(records: readonly MxRecord[]): MxRecord[] {
  return records
    .map((record) => ({ record, order: record.priority + Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ record }) => record);
}

/** RFC 5321 §5.1: from ourselves on, all hosts of the same or a higher preference value are left out. */
function withoutOurselves(records: readonly MxRecord[], ownNames: readonly string[]): string[] {
  const own = new Set(ownNames.map((name) => name.toLowerCase()));
  const names = records.map(({ exchange }) => exchange.toLowerCase().replace(/\.$/, ''));
  const limit = records.find((_, i) => own.has(names[i] ?? ''))?.priority ?? Number.POSITIVE_INFINITY;
  return names.filter((_, i) => (records[i]?.priority ?? 0) < limit);
}
