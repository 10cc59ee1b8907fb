import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { startStack, type TestStack } from '../../support/stack.ts';
import { type NamedProcess, ownMemoryKiB } from '../measure/processes.ts';
import { Watched } from '../measure/watched.ts';
import { type Measured, reportComparison } from '../report/comparison-report.ts';
import { startDovecot } from '../sides/dovecot.ts';
import { benchAccounts } from '../sides/postern.ts';

export interface IdleOptions {
  readonly plain: number;
  readonly tls: number;
  readonly theirs: number;
}

const DOMAIN = 'domain1.example';
const ACCOUNTS = 100;
/** Sessions that sign in at the same time. */
const TOGETHER = 20;
/** Sessions before the first reading, which load what is loaded once. */
export const WARM_UP = 200;
const SETTLE_MS = 5_000;
/** Sessions are opened in so many lots, whose memory is read each by itself. */
const LOTS = 3;

/** One of the servers. */
export interface IdleSide {
  readonly name: string;
  readonly programs: readonly NamedProcess[];
  readonly password: string;
  user(n: number): string;
  open(): Promise<Socket>;
}

/** A stack that lets so many sessions in, with the accounts that they belong to. */
export async function withIdleStack(sessions: number, work: (stack: TestStack) => Promise<void>): Promise<void> {
  const many = Math.ceil(sessions / ACCOUNTS) + WARM_UP;
  const stack = await startStack({
    without: ['relay'],
    store: (settings) => ({
      ...settings,
      imap: { ...settings.imap, maxSessions: 30_000, maxSessionsPerAccount: many, autologoutMs: 3_600_000 },
    }),
  });
  try {
    const { slapd } = stack;
    if (slapd === undefined) throw new Error('the stack has no slapd');
    await slapd.modify(benchAccounts(DOMAIN, 'bench', ACCOUNTS, slapd.baseDn));
    await work(stack);
  } finally {
    await stack.stop();
  }
}

/** Memory of sessions that have signed in, selected INBOX and wait in IDLE, by the resident pages of the server's processes. */
export async function benchIdle(options: IdleOptions): Promise<void> {
  await withIdleStack(options.plain, async (stack) => {
    const plain = plainSide(stack);
    const ours = await measuredSide(plain, options.plain);
    await stack.restart('store');
    const { imaps } = stack.endpoints;
    const ca = readFileSync(stack.ca);
    const overTls = (): Promise<Socket> =>
      opened(connectTls({ port: imaps.port, host: imaps.host, ca, servername: stack.names.store }), 'secureConnect');
    const secured = await measuredSide({ ...plainSide(stack), name: 'Postern, TLS', open: overTls }, options.tls);
    report(ours, secured, await theirs(options.theirs), options);
  });
}

async function theirs(count: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  try {
    const dovecot = await startDovecot(folder, 'sdbox');
    try {
      const side: IdleSide = {
        name: 'Dovecot',
        programs: [{ name: 'dovecot', pid: dovecot.pid }],
        password: dovecot.password,
        user: (n) => `bench${n % ACCOUNTS}`,
        open: () => opened(connect(dovecot.imapPort, '127.0.0.1')),
      };
      return await measuredSide(side, count);
    } finally {
      await dovecot.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Our store without TLS. */
export function plainSide(stack: TestStack): IdleSide {
  const { imap } = stack.endpoints;
  return {
    name: 'Postern',
    programs: [{ name: 'store', pid: stack.pid('store') }],
    password: 'bench',
    user: (n) => `${(n % ACCOUNTS) + 1}bench@${DOMAIN}`,
    open: () => opened(connect(imap.port, imap.host)),
  };
}

function report(ours: Measured, overTls: Measured, theirs: Measured, { plain, tls }: IdleOptions): void {
  reportComparison({
    part: 'idle',
    title: 'Memory of an idle IMAP session: signed in, INBOX selected, in IDLE',
    unit: 'KiB',
    better: 'less',
    each: 'to open one',
    rows: [
      { name: `${plain} sessions`, ours, theirs, goal: 20 },
      { name: `${tls} with TLS, theirs without`, ours: overTls, theirs, goal: 60 },
    ],
  });
}

async function opened(socket: Socket, event = 'connect'): Promise<Socket> {
  await once(socket, event);
  return socket;
}

/** What each session of several lots adds. */
async function measuredSide(side: IdleSide, count: number): Promise<Measured> {
  const warm = await idleSessions(side, WARM_UP);
  await pause(SETTLE_MS);
  const watched = new Watched(side.programs);
  const sessions: Socket[] = [];
  const lot = Math.ceil(count / LOTS);
  for (let n = 0; n < LOTS; n++) {
    const before = ownMemoryKiB(side.programs);
    await watched.run(lot, async () => {
      sessions.push(...(await idleSessions(side, lot)));
      return [];
    });
    await pause(SETTLE_MS);
    const kibEach = (ownMemoryKiB(side.programs) - before) / lot;
    watched.add(kibEach);
    console.log(`${side.name}: ${sessions.length} sessions, ${kibEach.toFixed(1)} KiB each of the last ${lot}`);
  }
  for (const socket of [...warm, ...sessions]) socket.destroy();
  return watched.measured;
}

/** Opens so many, a few at the same time. */
export async function idleSessions(side: IdleSide, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let taken = 0;
  const next = async (): Promise<void> => {
    while (taken < count) sockets.push(await idling(side, taken++, await side.open()));
  };
  await Promise.all(Array.from({ length: TOGETHER }, next));
  return sockets;
}

async function idling(side: IdleSide, n: number, socket: Socket): Promise<Socket> {
  await heard(socket, /^\* OK/);
  for (const [command, answer] of [
    [`a LOGIN ${side.user(n)} ${side.password}`, /^a OK/m],
    ['b SELECT INBOX', /^b OK/m],
    ['c IDLE', /^\+ /m],
  ] as const) {
    socket.write(`${command}\r\n`);
    await heard(socket, answer);
  }
  return socket;
}

async function heard(socket: Socket, pattern: RegExp): Promise<void> {
  for (let text = ''; !pattern.test(text); ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
    if (/^[abc] (?:NO|BAD)/m.test(text)) throw new Error(text);
  }
}
