import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestDatabase } from '../support/mariadb.ts';

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Far from the ports of test stacks (test/support/stack.ts). */
const basePort = 29_000 + (process.pid % 60) * 32;
let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'postern-start-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

function launch(script: string, args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [script, '--state', state, ...args], {
      env: { ...process.env, DATABASE_URL: '', ...env },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('close', (code) => done({ code, out, err }));
  });
}

const start = (env: Record<string, string> = {}): Promise<Run> =>
  launch('infra/demo/start.ts', ['--once', '--base-port', String(basePort)], env);

function listen(port: number, host: string): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', fail);
    server.listen(port, host, () => done(server));
  });
}

/** One sentence on stderr, no stack trace, and a non-zero exit. */
function expectOneSentence(run: Run, pattern: RegExp): void {
  expect(run.err).toMatch(pattern);
  expect(run.err.trim().split('\n')).toHaveLength(1);
  expect(run.code).toBe(1);
}

test('a taken port', async () => {
  const other = await listen(basePort + 2, '127.0.0.3');
  try {
    expectOneSentence(await start(), /^postern: Port 127\.0\.0\.3:\d+ \(imap\) is taken by another program: .*\.\n$/);
  } finally {
    other.close();
  }
});

test('a state folder that is a file, and one that cannot be written', async () => {
  const file = join(state, 'file');
  writeFileSync(file, '');
  const run = await launch('infra/demo/start.ts', ['--once', '--state', file]);
  expectOneSentence(run, /^postern: The state folder \S+ cannot be written: /);
  if (process.getuid?.() === 0) return;
  chmodSync(state, 0o500);
  expectOneSentence(await start(), /cannot be written/);
});

test.each([
  ['not a url', /DATABASE_URL is no URL/],
  ['postgres://a:b@127.0.0.1/c', /must begin with mysql:/],
  ['mysql://a:b@127.0.0.1:1', /names no database/],
  ['mysql://a:very-secret@127.0.0.1:1/mail', /a@127\.0\.0\.1:1\/mail\) cannot be used: .*ECONNREFUSED/],
])('a wrong DATABASE_URL: %s', async (url, pattern) => {
  const run = await start({ DATABASE_URL: url });
  expectOneSentence(run, pattern);
  expect(run.out + run.err).not.toContain('very-secret');
});

test('a DATABASE_URL with a wrong password, and with a database that is not there', async () => {
  const database = await startTestDatabase();
  try {
    const wrong = new URL(database.url);
    wrong.password = 'guess';
    expectOneSentence(await start({ DATABASE_URL: wrong.href }), /cannot be used: Access denied/);
    const absent = new URL(database.url);
    absent.pathname = '/absent';
    expectOneSentence(await start({ DATABASE_URL: absent.href }), /cannot be used: Unknown database 'absent'/);
  } finally {
    await database.stop();
  }
});

test('an unknown option, and a port that is no port', async () => {
  const unknown = await launch('infra/demo/start.ts', ['--twice']);
  expect(unknown).toMatchObject({ code: 1, err: expect.stringMatching(/'--twice'[\s\S]*usage:/) });
  expectOneSentence(await launch('infra/demo/start.ts', ['--base-port', 'x']), /--base-port wants a number/);
});

test('reset removes the state and nothing else, and touches no folder that is not a demo’s', async () => {
  mkdirSync(join(state, 'etc'));
  expect(await launch('infra/demo/reset.ts', [])).toMatchObject({
    code: 1,
    err: expect.stringContaining('nothing was'),
  });
  expectOneSentence(await start(), /belongs to something else/);
  rmSync(join(state, 'etc'), { recursive: true });
  // A start that gets as far as the ports has made its folder.
  const other = await listen(basePort, '127.0.0.1');
  expect((await start()).code).toBe(1);
  other.close();
  writeFileSync(join(state, 'mine.txt'), 'kept');
  const run = await launch('infra/demo/reset.ts', []);
  expect(run).toMatchObject({ code: 0, out: expect.stringContaining('left: mine.txt') });
  expect(readdirSync(state)).toEqual(['mine.txt']);
});
