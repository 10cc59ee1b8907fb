import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NAMES } from '@postern/infra/demo/certificates.ts';
import { fetchByMessageId } from '@postern/infra/demo/imap-reader.ts';
import type { StackFile } from '@postern/infra/demo/stack-file.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase } from '../support/mariadb.ts';

const state = mkdtempSync(join(tmpdir(), 'postern-demo-'));
const basePort = 32_710 - (process.pid % 50) * 32;
const launched: Launch[] = [];

interface Launch {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

function launch(script: string, ...args: string[]): Launch {
  return launchWith({}, script, ...args);
}

function launchWith(env: Record<string, string>, script: string, ...args: string[]): Launch {
  const child = spawn(process.execPath, [script, ...args, '--state', state], {
    env: { ...process.env, DATABASE_URL: '', POSTERN_BASE_PORT: String(basePort), ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exit = new Promise<number | null>((done) => {
    child.once('close', done);
  });
  const launch = { child, output: () => text, exit };
  launched.push(launch);
  return launch;
}

const stack = (): StackFile => JSON.parse(readFileSync(join(state, 'stack.json'), 'utf8')) as StackFile;

async function until<T>(what: string, look: () => T | undefined, deadlineMs = 60_000): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  while (Date.now() < deadline) {
    const found = look();
    if (found !== undefined) return found;
    await pause(50);
  }
  throw new Error(`waited in vain for ${what}`);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

const messageIdIn = (text: string): string => {
  const id = /^message id (.+)$/m.exec(text)?.[1];
  if (id === undefined) throw new Error(`no message id in: ${text}`);
  return id;
};

let firstMessageId: string;
let demo: Launch;

beforeAll(async () => {
  const once = launch('infra/demo/start.ts', '--once');
  expect(await once.exit, once.output()).toBe(0);
  expect(once.output()).toContain('the same byte for byte');
  expect(existsSync(join(state, 'stack.json'))).toBe(false);
  firstMessageId = messageIdIn(once.output());
  demo = launch('infra/demo/start.ts');
  await until('stack.json', () => (existsSync(join(state, 'stack.json')) ? true : undefined)).catch((error: Error) => {
    throw new Error(`${error.message}; the launcher said: ${demo.output()}`);
  });
});
afterAll(async () => {
  for (const { child } of launched) child.kill('SIGTERM');
  await Promise.all(launched.map(({ exit }) => exit));
  rmSync(state, { recursive: true, force: true });
});

test('the trace of the message shows both tiers, and the table every account', async () => {
  await expect.poll(demo.output, { timeout: 30_000 }).toMatch(/^Everything answers after/m);
  const out = demo.output();
  expect(out).toMatch(/ relay +accepted /);
  expect(out).toMatch(/ store +delivered +.*to user1@domain1\.example/);
  for (const { address } of stack().accounts) expect(out).toContain(address);
});

test('a mail of the first run is still there in the second: the state survived', async () => {
  const { imaps, ca } = stack();
  const message = await fetchByMessageId(
    {
      ...imaps,
      ca: readFileSync(ca, 'utf8'),
      serverName: NAMES.store,
      user: 'user1@domain1.example',
      password: 'user1',
      deadlineMs: 10_000,
    },
    firstMessageId,
  );
  expect(message.toString('utf8')).toContain('Grüße!');
});

test('stack.json and the secrets are for their owner alone; the gateway’s settings name no database', () => {
  for (const name of ['stack.json', 'secrets/database', 'secrets/ldap-relay', 'pki/ca.key', 'etc/gateway.yaml']) {
    expect(statSync(join(state, name)).mode & 0o077, name).toBe(0);
  }
  expect(readFileSync(join(state, 'etc/gateway.yaml'), 'utf8')).not.toMatch(/mysql|database/);
  const environment = readFileSync(`/proc/${stack().pids.relay}/environ`, 'utf8');
  expect(environment).not.toMatch(/DATABASE_URL|mysql:/);
});

test('postern trace finds the message by its id and by its address', async () => {
  for (const query of [firstMessageId, 'user1@domain1.example']) {
    const trace = launch('infra/cli/postern.ts', 'trace', query);
    expect(await trace.exit, trace.output()).toBe(0);
    expect(trace.output()).toMatch(/ relay +accepted /);
    expect(trace.output()).toMatch(/ store +delivered /);
  }
  const json = launch('infra/cli/postern.ts', 'trace', firstMessageId, '--json');
  await json.exit;
  expect(JSON.parse(json.output())).toMatchObject({ to: ['user1@domain1.example'] });
  expect(await launch('infra/cli/postern.ts', 'trace', 'f'.repeat(32)).exit).toBe(1);
  expect(await launch('infra/cli/postern.ts', 'trace').exit).toBe(2);
});

test('a second launcher and a reset are refused while it runs', async () => {
  const second = launch('infra/demo/start.ts', '--once');
  expect(await second.exit).toBe(1);
  expect(second.output()).toMatch(/runs already from .* \(process \d+\)/);
  const reset = launch('infra/demo/reset.ts');
  expect(await reset.exit).toBe(1);
  expect(reset.output()).toMatch(/it runs \(process \d+\)/);
  expect(existsSync(join(state, 'stack.json'))).toBe(true);
});

test.each(['relay', 'store', 'directory', 'database'])('%s dies, comes back, and stack.json follows', async (name) => {
  const before = stack().pids[name] ?? 0;
  process.kill(before, 'SIGKILL');
  const after = await until(`a new ${name}`, () => {
    const pid = stack().pids[name];
    return pid !== undefined && pid !== before ? pid : undefined;
  });
  expect(alive(after)).toBe(true);
});

test('SIGTERM ends every child, and the state can be reset then', async () => {
  const { pids } = stack();
  demo.child.kill('SIGTERM');
  expect(await demo.exit).toBe(0);
  expect(Object.entries(pids).filter(([, pid]) => alive(pid))).toEqual([]);
  expect(existsSync(join(state, 'stack.json'))).toBe(false);
  const reset = launch('infra/demo/reset.ts');
  expect(await reset.exit).toBe(0);
  expect(existsSync(state)).toBe(false);
});

test('a launcher that is killed leaves nothing behind that holds on', async () => {
  const killed = launch('infra/demo/start.ts');
  const { pids } = await until('stack.json', () => (existsSync(join(state, 'stack.json')) ? stack() : undefined));
  killed.child.kill('SIGKILL');
  await until('the end of every child', () => (Object.values(pids).some(alive) ? undefined : true), 30_000);
  const again = launch('infra/demo/start.ts', '--once');
  expect(await again.exit, again.output()).toBe(0);
});

test('DATABASE_URL takes the place of the private database', async () => {
  const database = await startTestDatabase();
  try {
    const once = launchWith({ DATABASE_URL: database.url }, 'infra/demo/start.ts', '--once');
    expect(await once.exit, once.output()).toBe(0);
    expect(once.output()).toMatch(/^• database of DATABASE_URL \(/m);
    expect(once.output()).not.toContain('private database');
  } finally {
    await database.stop();
  }
});
