import { canonicalDomain } from '@postern/shared/smtp/path.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { expire, recipientsOf, restart } from '../relay/spool/attempt.ts';
import type { Spool, SpoolEntry, SpoolFolder } from '../relay/spool/spool.ts';

/** What a command answers: lines for people, a value for programs. */
export interface QueueAnswer {
  readonly lines: readonly string[];
  readonly json: unknown;
  /** One of the ids was not there, or could not be read. */
  readonly failed: boolean;
}

export interface QueueCommand {
  readonly wantsIds: boolean;
  run(spool: Spool, ids: readonly string[]): Promise<QueueAnswer>;
}

interface Found {
  readonly folder: SpoolFolder;
  readonly entry: SpoolEntry;
}

/** The commands of `postern-gateway queue`. They work on the folder, whether the relay runs or not. */
export const QUEUE_COMMANDS: ReadonlyMap<string, QueueCommand> = new Map<string, QueueCommand>([
  ['list', { wantsIds: false, run: list }],
  ['show', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, show) }],
  ['retry', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, retry) }],
  ['hold', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, hold) }],
  ['release', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, release) }],
  ['requeue', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, requeue) }],
  ['expire', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, giveUp) }],
  ['delete', { wantsIds: true, run: (spool, ids) => forEach(spool, ids, remove) }],
  ['domains', { wantsIds: false, run: heldDomains }],
  ['hold-domain', { wantsIds: true, run: (spool, domains) => holdDomains(spool, domains, 'hold') }],
  ['release-domain', { wantsIds: true, run: (spool, domains) => holdDomains(spool, domains, 'release') }],
]);

async function list(spool: Spool): Promise<QueueAnswer> {
  const found: Found[] = [];
  const damaged: string[] = [];
  for (const folder of ['active', 'held'] as const) {
    for (const id of await spool.list(folder)) {
      const entry = await spool.peek(folder, id);
      if (entry?.ok) found.push({ folder, entry: entry.value });
      else if (entry !== undefined) damaged.push(`${id}: ${entry.why}`);
    }
  }
  found.sort((a, b) => a.entry.envelope.receivedAt - b.entry.envelope.receivedAt);
  const lines = found.map(({ folder, entry }) => {
    const open = entry.state.recipients.filter((r) => r.status !== 'delivered').map((r) => r.address);
    const at = new Date(entry.envelope.receivedAt).toISOString();
    const { deliveryId, reversePath } = entry.envelope;
    return `${deliveryId}  ${folder.padEnd(6)}  ${at}  ${entry.contentBytes} octets  <${reversePath}> → ${open.join(' ')}`;
  });
  const count = `${found.length} message${found.length === 1 ? '' : 's'}`;
  return { lines: [...lines, ...damaged, count], json: { messages: found.map(summary), damaged }, failed: false };
}

async function show(_spool: Spool, found: Found): Promise<QueueAnswer> {
  const { envelope, state } = found.entry;
  const lines = [
    `${envelope.deliveryId} (${found.folder})`,
    `  message id   ${envelope.messageId ?? '–'}`,
    `  from         <${envelope.reversePath}> by ${envelope.client}`,
    `  received     ${new Date(envelope.receivedAt).toISOString()}, ${found.entry.contentBytes} octets`,
    `  spooled for  ${envelope.cause}`,
    `  tries        ${state.attempts}; next at ${new Date(state.nextTryAt).toISOString()}`,
    ...(state.heldBecause === undefined ? [] : [`  held for     ${state.heldBecause}`]),
    ...state.recipients.map((r) => `  ${r.status.padEnd(12)} <${r.address}> ${r.reply ? replyLine(r.reply) : ''}`),
  ];
  return { lines, json: summary(found), failed: false };
}

async function retry(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  const id = entry.envelope.deliveryId;
  if (folder === 'held') return refusal(id, 'is held; release it first');
  await spool.request(id);
  return done(id, 'will be tried at once');
}

async function hold(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  const id = entry.envelope.deliveryId;
  if (folder === 'held') return done(id, 'is held already');
  await spool.move('active', 'held', id, { ...entry.state, heldBecause: 'held by an administrator' });
  return done(id, 'is held');
}

async function release(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  const id = entry.envelope.deliveryId;
  if (folder === 'active') return done(id, 'is in the queue already');
  const state = restart(entry.state, Date.now());
  if (recipientsOf(state, 'pending').length === 0) return refusal(id, 'has no recipient left');
  await spool.move('held', 'active', id, state);
  // The running queue may not have seen that it was away.
  await spool.request(id);
  return done(id, 'is back in the queue');
}

/** Like a message that has just come: its tries, its pauses and its lifetime begin anew, and a held one is tried again. */
async function requeue(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  const id = entry.envelope.deliveryId;
  const now = Date.now();
  const state = { ...restart(entry.state, now), requeuedAt: now };
  if (recipientsOf(state, 'pending').length === 0) return refusal(id, 'has no recipient left');
  if (folder === 'held') await spool.move('held', 'active', id, state);
  else await spool.update('active', id, state);
  await spool.request(id);
  return done(id, 'begins anew');
}

/** As if its lifetime were over; it stays in the held folder, and nobody is told. */
async function giveUp(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  const id = entry.envelope.deliveryId;
  const state = { ...expire(entry.state), heldBecause: 'expired by an administrator' };
  if (folder === 'held') await spool.update('held', id, state);
  else await spool.move('active', 'held', id, state);
  return done(id, 'has expired and is held');
}

async function remove(spool: Spool, { folder, entry }: Found): Promise<QueueAnswer> {
  await spool.remove(folder, entry.envelope.deliveryId);
  return done(entry.envelope.deliveryId, 'is deleted');
}

async function heldDomains(spool: Spool): Promise<QueueAnswer> {
  const domains = await spool.heldDomains();
  return { lines: domains.length === 0 ? ['no domain is held'] : domains, json: { held: domains }, failed: false };
}

/** Domains to which nothing is sent until they are released; `*` stands for all. */
async function holdDomains(spool: Spool, domains: readonly string[], what: 'hold' | 'release'): Promise<QueueAnswer> {
  const wanted = domains.map((domain) => (domain === '*' ? domain : canonicalDomain(domain)));
  const wrong = domains.filter((_, i) => wanted[i] === undefined);
  if (wrong.length > 0)
    return { lines: wrong.map((d) => `${d} is no domain`), json: { error: 'no domain', wrong }, failed: true };
  const named = new Set(wanted.filter((domain) => domain !== undefined));
  const held = await spool.heldDomains();
  const next = what === 'hold' ? [...held, ...named] : held.filter((domain) => !named.has(domain));
  await spool.holdDomains(next);
  return await heldDomains(spool);
}

async function forEach(
  spool: Spool,
  ids: readonly string[],
  act: (spool: Spool, found: Found) => Promise<QueueAnswer>,
): Promise<QueueAnswer> {
  const answers: QueueAnswer[] = [];
  for (const id of ids) {
    const found = await find(spool, id);
    answers.push(typeof found === 'string' ? refusal(id, found) : await act(spool, found));
  }
  return {
    lines: answers.flatMap((a) => a.lines),
    json: answers.map((a) => a.json),
    failed: answers.some((a) => a.failed),
  };
}

async function find(spool: Spool, id: string): Promise<Found | string> {
  if (!/^[0-9a-f]{32}$/.test(id)) return 'is no queue id';
  for (const folder of ['active', 'held'] as const) {
    const entry = await spool.peek(folder, id);
    if (entry?.ok) return { folder, entry: entry.value };
    if (entry !== undefined) return `cannot be read: ${entry.why}`;
  }
  return 'is not in the spool';
}

function summary({ folder, entry }: Found): unknown {
  const { state: _, ...envelope } = entry.envelope;
  return { folder, ...envelope, bytes: entry.contentBytes, ...entry.state };
}

function done(id: string, what: string): QueueAnswer {
  return { lines: [`${id} ${what}`], json: { deliveryId: id, result: what }, failed: false };
}

function refusal(id: string, why: string): QueueAnswer {
  return { lines: [`${id} ${why}`], json: { deliveryId: id, error: why }, failed: true };
}
