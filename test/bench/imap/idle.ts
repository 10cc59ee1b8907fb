import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { startStack, type TestStack } from '../../support/stack.ts';
import { thisMachine } from '../measure/machine.ts';
import { type NamedProcess, ownMemoryKiB } from '../measure/processes.ts';
import { textTable } from '../report/text-table.ts';
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
const WARM_UP = 200;
const SETTLE_MS = 10_000;

interface IdleSide {
  readonly name: string;
  readonly programs: readonly NamedProcess[];
  readonly password: string;
  user(n: number): string;
  open(): Promise<Socket>;
}

/** Memory of sessions that have signed in, selected INBOX and wait in IDLE, by the resident pages of the server's processes. */
export async function benchIdle(options: IdleOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  const many = Math.ceil(options.plain / ACCOUNTS) + WARM_UP;
  const stack = await startStack({
    without: ['relay'],
    store: (settings) => ({
      ...settings,
      imap: { ...settings.imap, maxSessions: 30_000, maxSessionsPerAccount: many, autologoutMs: 3_600_000 },
    }),
  });
  const dovecot = await startDovecot(folder, 'sdbox').catch(async (fault: unknown) => {
    await stack.stop();
    throw fault;
  });
  try {
    const { slapd } = stack;
    if (slapd === undefined) throw new Error('the stack has no slapd');
    await slapd.modify(benchAccounts(DOMAIN, 'bench', ACCOUNTS, slapd.baseDn));
    const rows: string[][] = [];
    const row = async (side: IdleSide, count: number): Promise<void> => {
      const each = await measured(side, count);
      rows.push([side.name, String(count), each.toFixed(1)]);
      console.log(`${side.name}: ${count} sessions, ${each.toFixed(1)} KiB each`);
    };
    const { imap, imaps } = stack.endpoints;
    const ours = oursOf(stack);
    const ca = readFileSync(stack.ca);
    await row({ ...ours, name: 'Postern', open: () => opened(connect(imap.port, imap.host)) }, options.plain);
    await stack.restart('store');
    const overTls = (): Promise<Socket> =>
      opened(connectTls({ port: imaps.port, host: imaps.host, ca, servername: stack.names.store }), 'secureConnect');
    await row({ ...oursOf(stack), name: 'Postern, TLS', open: overTls }, options.tls);
    const theirs: IdleSide = {
      name: 'Dovecot',
      programs: [{ name: 'dovecot', pid: dovecot.pid }],
      password: dovecot.password,
      user: (n) => `bench${n % ACCOUNTS}`,
      open: () => opened(connect(dovecot.imapPort, '127.0.0.1')),
    };
    await row(theirs, options.theirs);
    const { processor, cores, kernel, node } = thisMachine();
    console.log(
      `\n${processor}, ${cores} cores, Linux ${kernel}, Node ${node}\n\n${textTable(['idle sessions', 'number', 'KiB each'], rows)}`,
    );
  } finally {
    await dovecot.stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function oursOf(stack: TestStack): Omit<IdleSide, 'name' | 'open'> {
  return {
    programs: [{ name: 'store', pid: stack.pid('store') }],
    password: 'bench',
    user: (n) => `${(n % ACCOUNTS) + 1}bench@${DOMAIN}`,
  };
}

async function opened(socket: Socket, event = 'connect'): Promise<Socket> {
  await once(socket, event);
  return socket;
}

async function measured(side: IdleSide, count: number): Promise<number> {
  const warm = await idleSessions(side, WARM_UP);
  await pause(SETTLE_MS);
  const before = ownMemoryKiB(side.programs);
  const sessions = await idleSessions(side, count);
  await pause(SETTLE_MS);
  const after = ownMemoryKiB(side.programs);
  for (const socket of [...warm, ...sessions]) socket.destroy();
  return (after - before) / count;
}

async function idleSessions(side: IdleSide, count: number): Promise<Socket[]> {
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
