import { Resolver as DnsClient } from 'node:dns/promises';
import { BoundedMap } from '../bounded-map.ts';
import type { DnsSettings } from './settings.ts';
import { validatingClient } from './validating-client.ts';

export type RecordType = 'A' | 'AAAA' | 'MX' | 'TXT' | 'PTR' | 'CNAME' | 'TLSA';

/** RFC 6698 §2.1. */
export interface TlsaRecord {
  readonly usage: number;
  readonly selector: number;
  readonly matchingType: number;
  readonly data: Buffer;
}

export interface MxRecord {
  readonly exchange: string;
  readonly priority: number;
}

/** A record as node:dns gives it: text (A, AAAA, PTR, CNAME), strings of one TXT record, an MX or a TLSA. */
export type DnsRecord = string | readonly string[] | MxRecord | TlsaRecord;

/** What the DNS says, and until when (performance.now) this is said again from memory. */
export type DnsAnswer = DnsWord & { readonly goodUntil?: number | undefined };

/** `unknown` is no answer at all, and never counts as "there is none" (invariant 4). */
type DnsWord =
  | { readonly kind: 'found'; readonly records: readonly DnsRecord[]; readonly authenticated?: boolean | undefined }
  /**
   * `nameExists`: the name is there without such a record (RFC 2308 §2.2), else there is no such name. `authenticated`: DNSSEC
   * proves it, by the word of a resolver that is trusted.
   */
  | { readonly kind: 'none'; readonly nameExists: boolean; readonly authenticated?: boolean | undefined }
  | { readonly kind: 'unknown'; readonly cause: string };

export interface Resolver {
  /** Never rejects. */
  query(name: string, type: RecordType): Promise<DnsAnswer>;
  close(): void;
}

/** Questions under way at a time; more are answered `unknown`. */
const MAX_PENDING = 2_000;
const UNKNOWN_CACHE_MS = 3_000;
/** A larger answer is used, and asked for again. */
const MAX_KEPT_OCTETS = 4_096;

type Cached = DnsAnswer & { readonly goodUntil: number };

/** Asks name servers with deadlines; the same question at the same time is asked once, and answers are kept for a while. */
export function openResolver(settings: DnsSettings): Resolver {
  const { askOnce, close } = settings.validates ? validatingClient(settings) : systemClient(settings);
  const cache = new BoundedMap<string, Cached>(settings.cacheEntries);
  const pending = new Map<string, Promise<DnsAnswer>>();

  const ask = async (key: string, name: string, type: RecordType): Promise<DnsAnswer> => {
    const word = await askWithin(askOnce, name, type, 3 * settings.timeoutMs);
    const keepMs = { found: settings.cacheMs, none: settings.cacheMs / 2, unknown: UNKNOWN_CACHE_MS }[word.kind];
    const answer = { ...word, goodUntil: performance.now() + Math.min(keepMs, settings.cacheMs) };
    if (isSmall(word)) cache.set(key, answer);
    pending.delete(key);
    return answer;
  };

  return {
    query(name, type) {
      const asked = name.toLowerCase().replace(/\.$/, '');
      if (!isDnsName(asked)) return Promise.resolve({ kind: 'none', nameExists: false });
      const key = `${type} ${asked}`;
      const known = cache.get(key);
      if (known !== undefined && known.goodUntil > performance.now()) return Promise.resolve(known);
      const underWay = pending.get(key);
      if (underWay !== undefined) return underWay;
      if (pending.size >= MAX_PENDING) {
        return Promise.resolve({ kind: 'unknown', cause: 'too many DNS questions under way' });
      }
      const asking = ask(key, asked, type);
      pending.set(key, asking);
      return asking;
    },
    close,
  };
}

/** What is kept is bounded in octets too: a stranger's server may send 64 KB for each of thousands of names. */
function isSmall(answer: DnsAnswer): boolean {
  return answer.kind !== 'found' || JSON.stringify(answer.records).length <= MAX_KEPT_OCTETS;
}

/** One way to ask. */
export interface DnsAsker {
  readonly askOnce: (name: string, type: RecordType) => Promise<DnsAnswer>;
  readonly close: () => void;
}

async function askWithin(
  askOnce: DnsAsker['askOnce'],
  name: string,
  type: RecordType,
  deadlineMs: number,
): Promise<DnsAnswer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<DnsAnswer>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'unknown', cause: `${type} ${name}: late` }), deadlineMs);
  });
  try {
    return await Promise.race([askOnce(name, type), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function tlsaRecords(client: DnsClient, name: string): Promise<TlsaRecord[]> {
  const records = await client.resolveTlsa(name);
  return records.map(({ certUsage, selector, match, data }) => ({
    usage: certUsage,
    selector,
    matchingType: match,
    data: Buffer.from(data),
  }));
}

/** By node's own client, which tells nothing of DNSSEC. */
function systemClient(settings: DnsSettings): DnsAsker {
  const client = new DnsClient({ timeout: settings.timeoutMs, tries: settings.tries });
  if (settings.servers.length > 0) client.setServers(settings.servers);
  return { askOnce: (name, type) => askSystem(client, name, type), close: () => client.cancel() };
}

async function askSystem(client: DnsClient, name: string, type: RecordType): Promise<DnsAnswer> {
  try {
    const records =
      type === 'TLSA' ? await tlsaRecords(client, name) : ((await client.resolve(name, type)) as DnsRecord[]);
    return records.length > 0 ? { kind: 'found', records } : { kind: 'none', nameExists: true };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENODATA') return { kind: 'none', nameExists: true };
    if (code === 'ENOTFOUND' || code === 'EBADNAME') return { kind: 'none', nameExists: false };
    return { kind: 'unknown', cause: `${type} ${name}: ${code}` };
  }
}

/** RFC 1035 §2.3.4: at most 253 octets as text, labels of 1 to 63; anything else is not in the DNS. */
export function isDnsName(name: string): boolean {
  return name.length > 0 && name.length <= 253 && /^[!-~]+$/.test(name) && name.split('.').every(isLabel);
}

function isLabel(label: string): boolean {
  return label.length > 0 && label.length <= 63;
}

/** Records of types whose records are plain text. */
export function texts(answer: DnsAnswer): string[] {
  return answer.kind === 'found' ? answer.records.filter((r): r is string => typeof r === 'string') : [];
}

/** Mail exchangers, in the order of the answer. */
export function exchangers(answer: DnsAnswer): MxRecord[] {
  return answer.kind === 'found' ? answer.records.filter((r): r is MxRecord => 'exchange' in Object(r)) : [];
}

/** The text of each TXT record, its strings joined. */
export function textRecords(answer: DnsAnswer): string[] {
  return answer.kind === 'found' ? answer.records.flatMap((r) => (Array.isArray(r) ? [r.join('')] : [])) : [];
}

/** Addresses of a name, of both families; unknown as long as one of the two is not known and the other has none. */
export async function addressesOf(resolver: Resolver, name: string): Promise<DnsAnswer> {
  const answers = await Promise.all([resolver.query(name, 'A'), resolver.query(name, 'AAAA')]);
  const records = answers.flatMap(texts);
  const authenticated = answers.every((a) => a.kind !== 'unknown' && a.authenticated === true);
  if (records.length > 0) return { kind: 'found', records, authenticated };
  const unknown = answers.find((a) => a.kind === 'unknown');
  return unknown ?? { kind: 'none', nameExists: answers.some((a) => a.kind === 'none' && a.nameExists) };
}
