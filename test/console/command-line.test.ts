import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConsoleUnderTest, type Json, startConsoleUnderTest } from './console-under-test.ts';

/** `npx postern-store` as administrators of a domain use it: the same rules as in the console. */
const PROGRAM = resolve(import.meta.dirname, '../../store/cli/postern-store.ts');
let server: ConsoleUnderTest;
let file: string;
beforeAll(async () => {
  server = await startConsoleUnderTest('slapd');
  file = join(server.pki.folder, 'store.json');
  const { hostname, tls, ca, database, directory } = server.config;
  writeFileSync(
    file,
    JSON.stringify({ hostname, tls, ca, lmtp: { listen: { address: '127.0.0.1' } }, imap: {}, database, directory }),
  );
});
afterAll(() => server?.stop());

function run(as: string, ...words: string[]): { code: number | null; text: string; json: Json } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words, '--config', file, '--as', as], {
    encoding: 'utf8',
    env: { ...process.env, POSTERN_PASSWORD: as.split('@')[0] },
  });
  let json: Json;
  try {
    json = JSON.parse(stdout);
  } catch {
    json = undefined;
  }
  return { code: status, text: stdout + stderr, json };
}

test('a postmaster makes, limits, deletes and purges by the command line; what is another’s is refused', () => {
  const POSTMASTER = 'user1@domain1.example';
  const made = run(POSTMASTER, 'user', 'create', 'cli@domain1.example', '--name', 'Command Line');
  expect(made.code, made.text).toBe(0);
  expect(made.json.password).toMatch(/^[a-z2-9-]{23}$/);
  expect(run(POSTMASTER, 'quota', 'cli@domain1.example', '5000').json).toMatchObject({ quotaBytes: 5000 });
  expect(run('user2@domain1.example', 'user', 'suspend', 'cli@domain1.example').json).toMatchObject({
    kind: 'forbidden',
  });
  expect(run(POSTMASTER, 'domain', 'create', 'x.example', '--postmaster', POSTMASTER).json).toMatchObject({
    kind: 'forbidden',
  });
  const limited = run(
    'siteadmin@domain2.example',
    'domain',
    'set',
    'domain1.example',
    'editCatchAll=no',
    'maxAccounts=50',
  );
  expect(limited.json).toMatchObject({ name: 'domain1.example', editCatchAll: false, maxAccounts: 50 });
  expect(run(POSTMASTER, 'postmaster', 'list', 'domain1.example').json).toEqual([POSTMASTER]);
  expect(run(POSTMASTER, 'domain', 'set', 'domain1.example', 'maxAccounts=many')).toMatchObject({ code: 2 });
  expect(run(POSTMASTER, 'user', 'delete', 'cli@domain1.example').code).toBe(0);
  expect(run(POSTMASTER, 'purge', 'cli@domain1.example', '--even-within-grace').json).toMatchObject({ accounts: 1 });
  expect(run(POSTMASTER, 'export', '--domain', 'domain1.example').text).toContain(
    'user1@domain1.example,User One,true',
  );
  expect(run('suspended@domain1.example', 'user', 'list').json).toEqual({ error: 'address or password is wrong' });
});
