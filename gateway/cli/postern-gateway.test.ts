import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Spool } from '../relay/spool/spool.ts';
import type { SpoolEnvelope } from '../relay/spool/spool-file.ts';

const ID = '0123456789abcdef0123456789abcdef';
const ABSENT = 'f'.repeat(32);
let path: string;
let spool: Spool;

beforeAll(async () => {
  path = await mkdtemp(join(tmpdir(), 'postern-cli-'));
  spool = await Spool.open(path, true);
  await spool.add('active', envelope(ID), [Buffer.from('Subject: secret\r\n\r\nbody\r\n')]);
});

function envelope(deliveryId: string): SpoolEnvelope {
  const reply = { code: 451, enhanced: '4.4.1', text: 'away' };
  return {
    deliveryId,
    messageId: '<m1@sender.example>',
    receivedAt: 1_700_000_000_000,
    cause: 'store away',
    client: '192.0.2.1',
    reversePath: 'a@sender.example',
    body: '7BIT' as const,
    smtpUtf8: false,
    state: {
      recipients: [{ address: 'user1@domain1.example', route: 'store' as const, status: 'pending' as const, reply }],
      attempts: 1,
      nextTryAt: 1_700_000_005_000,
    },
  };
}
afterAll(async () => {
  await spool.close();
  await rm(path, { recursive: true, force: true });
});

function queue(...args: string[]): { status: number | null; out: string; err: string } {
  const program = join(import.meta.dirname, 'postern-gateway.ts');
  const run = spawnSync(process.execPath, [program, 'queue', ...args, '--spool', path], { encoding: 'utf8' });
  return { status: run.status, out: run.stdout, err: run.stderr };
}

it('lists, shows, holds, releases, retries and deletes', async () => {
  expect(queue('list').out).toMatch(new RegExp(`^${ID}  active .* → user1@domain1\\.example\\n1 message\\n$`));
  const shown = JSON.parse(queue('show', ID, '--json').out);
  expect(shown).toMatchObject([{ folder: 'active', deliveryId: ID, bytes: 25, attempts: 1 }]);
  expect(queue('show', ID).out).toContain('pending      <user1@domain1.example> 451 4.4.1 away');
  expect(queue('show', ID).out).not.toContain('secret');

  expect(queue('hold', ID).status).toBe(0);
  expect(await spool.list('held')).toEqual([ID]);
  expect(queue('retry', ID)).toMatchObject({ status: 1, out: `${ID} is held; release it first\n` });
  expect(queue('release', ID).status).toBe(0);
  expect(await spool.list('active')).toEqual([ID]);
  expect(queue('retry', ID).status).toBe(0);
  expect((await spool.takeRequests()).ids).toEqual([ID]);
  expect(queue('delete', ID).status).toBe(0);
  expect(await spool.list('active')).toEqual([]);
  expect(JSON.parse(queue('list', '--json').out)).toEqual({ messages: [], damaged: [] });
});

it('requeues and expires', async () => {
  const id = 'abcdef0123456789abcdef0123456789';
  await spool.add('active', envelope(id), [Buffer.from('Subject: x\r\n\r\nbody\r\n')]);
  expect(queue('expire', id)).toMatchObject({ status: 0, out: `${id} has expired and is held\n` });
  expect(JSON.parse(queue('show', id, '--json').out)).toMatchObject([
    { folder: 'held', recipients: [{ status: 'failed', reply: { code: 554, enhanced: '5.4.7' } }] },
  ]);
  const before = Date.now();
  expect(queue('requeue', id)).toMatchObject({ status: 0, out: `${id} begins anew\n` });
  expect((await spool.takeRequests()).ids).toEqual([id]);
  const [shown] = JSON.parse(queue('show', id, '--json').out) as [{ requeuedAt: number }];
  expect(shown).toMatchObject({ folder: 'active', attempts: 0, recipients: [{ status: 'pending' }] });
  expect(shown.requeuedAt).toBeGreaterThanOrEqual(before);
  await spool.remove('active', id);
});

it('says what it did not find, and how it is used', () => {
  expect(queue('show', ABSENT)).toMatchObject({ status: 1, out: `${ABSENT} is not in the spool\n` });
  expect(queue('show', '../../etc/passwd')).toMatchObject({ status: 1, out: '../../etc/passwd is no queue id\n' });
  expect(queue('dance')).toMatchObject({ status: 2, err: expect.stringContaining('usage: postern-gateway') });
});
