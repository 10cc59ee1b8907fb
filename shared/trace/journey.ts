import { isIP } from 'node:net';
import { isDeliveryId } from '../delivery/delivery-id.ts';
import type { LogLine } from './log-lines.ts';

/** What is looked for. A message id is compared with and without its angle brackets. */
export type Query =
  | { readonly kind: 'delivery'; readonly deliveryId: string }
  | { readonly kind: 'message'; readonly messageId: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'client'; readonly client: string };

/** The way of one transaction through the tiers, in order of time; or a session that was refused before it had an id. */
export interface Journey {
  readonly deliveryId: string | undefined;
  readonly messageId: string | undefined;
  readonly from: string | undefined;
  readonly to: readonly string[];
  readonly lines: readonly LogLine[];
}

/** Reads what a person typed: 32 hex digits are a queue id; `<…>` is a message id; an IP address is a client; the rest decides by its looks. */
export function parseQuery(text: string, asAddress = false): Query {
  const trimmed = text.trim();
  if (isDeliveryId(trimmed.toLowerCase())) return { kind: 'delivery', deliveryId: trimmed.toLowerCase() };
  if (isIP(trimmed) !== 0) return { kind: 'client', client: trimmed.toLowerCase() };
  if (asAddress) return { kind: 'address', address: trimmed.toLowerCase() };
  if (trimmed.startsWith('<')) return { kind: 'message', messageId: bare(trimmed) };
  return { kind: 'message', messageId: trimmed };
}

/**
 * Finds the journeys that a query means. Text with an @ may be a message id or an address: a message id is tried first.
 *
 * @param read gives the events of all logs; called twice, because an id may be learnt from a later line
 */
export async function findJourneys(text: string, read: () => AsyncIterable<LogLine>): Promise<Journey[]> {
  const first = await journeysOf(parseQuery(text), read);
  if (first.length > 0 || !text.includes('@') || text.trim().startsWith('<')) return first;
  return journeysOf(parseQuery(text, true), read);
}

async function journeysOf(query: Query, read: () => AsyncIterable<LogLine>): Promise<Journey[]> {
  const wanted = await seeds(query, read);
  const gathered = new Map<string, LogLine[]>();
  const put = (key: string, line: LogLine): void => {
    const lines = gathered.get(key);
    if (lines === undefined) gathered.set(key, [line]);
    else lines.push(line);
  };
  for await (const line of read()) {
    if (line.deliveryId !== undefined) {
      if (wanted.deliveries.has(line.deliveryId)) put(line.deliveryId, line);
      continue;
    }
    // What a session did before it had a transaction (connect, a refused recipient) belongs to each transaction of it.
    const owners = line.session === undefined ? undefined : wanted.sessions.get(line.session);
    if (owners !== undefined) for (const owner of owners) put(owner, line);
    else if (matches(query, line)) put(`session ${line.session ?? line.time}`, line);
  }
  return [...gathered.values()].map(toJourney).sort((a, b) => compare(a.lines[0]?.time, b.lines[0]?.time));
}

interface Seeds {
  readonly deliveries: ReadonlySet<string>;
  /** Session → the wanted transactions that it carried. */
  readonly sessions: ReadonlyMap<string, ReadonlySet<string>>;
}

async function seeds(query: Query, read: () => AsyncIterable<LogLine>): Promise<Seeds> {
  const deliveries = new Set<string>();
  const ofClient = new Set<string>();
  const carried = new Map<string, Set<string>>();
  const related: [string, string][] = [];
  for await (const line of read()) {
    if (query.kind === 'client' && line.session !== undefined && matches(query, line)) ofClient.add(line.session);
    if (line.deliveryId === undefined) continue;
    if (matches(query, line)) deliveries.add(line.deliveryId);
    if (typeof line.fields.as === 'string') related.push([line.deliveryId, line.fields.as]);
    if (line.session !== undefined) {
      const ids = carried.get(line.session) ?? new Set();
      carried.set(line.session, ids.add(line.deliveryId));
    }
  }
  // A client's address stands where its session was opened: all that the session carried is meant.
  for (const session of ofClient) for (const id of carried.get(session) ?? []) deliveries.add(id);
  // A DSN or quarantined copy belongs to the message that it was made of, whichever of the two is asked for.
  const asked = new Set(deliveries);
  for (const [original, made] of related) {
    if (asked.has(original)) deliveries.add(made);
    if (asked.has(made)) deliveries.add(original);
  }
  const sessions = new Map<string, Set<string>>();
  for (const [session, ids] of carried) {
    const mine = new Set([...ids].filter((id) => deliveries.has(id)));
    if (mine.size > 0) sessions.set(session, mine);
  }
  return { deliveries, sessions };
}

function matches(query: Query, line: LogLine): boolean {
  if (query.kind === 'delivery') return line.deliveryId === query.deliveryId;
  if (query.kind === 'message') return line.messageId !== undefined && bare(line.messageId) === query.messageId;
  if (query.kind === 'client') return line.fields.client === query.client;
  return [line.from, ...line.to].some((address) => address?.toLowerCase() === query.address);
}

function toJourney(lines: LogLine[]): Journey {
  lines.sort((a, b) => compare(a.time, b.time));
  const known = lines.find((line) => line.from !== undefined);
  return {
    deliveryId: lines.find((line) => line.deliveryId !== undefined)?.deliveryId,
    messageId: lines.find((line) => line.messageId !== undefined)?.messageId,
    from: known?.from,
    to: [...new Set(lines.flatMap((line) => line.to))],
    lines,
  };
}

function bare(messageId: string): string {
  return messageId.replace(/^<|>$/g, '');
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
