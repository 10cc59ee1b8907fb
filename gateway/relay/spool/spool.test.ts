import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Spool } from './spool.ts';
import type { SpoolEnvelope, SpoolRecipient } from './spool-file.ts';

const ID = '0123456789abcdef0123456789abcdef';
const recipient: SpoolRecipient = { address: 'user1@domain1.example', route: 'store', status: 'pending' };
const envelope: SpoolEnvelope = {
  deliveryId: ID,
  receivedAt: 1,
  cause: 'test',
  client: '192.0.2.1',
  reversePath: 'a@sender.example',
  body: '7BIT',
  smtpUtf8: false,
  state: { recipients: [recipient], attempts: 0, nextTryAt: 1 },
};
const content = [Buffer.from('Received: x\r\n'), Buffer.from('Subject: y\r\n\r\nbody\r\n')];
const whole = Buffer.concat(content);

let path: string;
let spool: Spool;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'postern-spool-'));
  spool = await Spool.open(path, true);
});
afterEach(async () => {
  await spool.close();
  await rm(path, { recursive: true, force: true });
});

const reopen = async (): Promise<void> => {
  await spool.close();
  spool = await Spool.open(path, true);
};

describe('Spool', () => {
  it('gives a message back after a restart, with its last state', async () => {
    await spool.add('active', envelope, content);
    const state = { ...envelope.state, attempts: 3 };
    await spool.update('active', ID, state);
    await reopen();
    expect(await spool.list('active')).toEqual([ID]);
    expect(await spool.read('active', ID)).toEqual({ ok: true, value: { envelope, content: whole, state } });
    expect(await spool.peek('active', ID)).toMatchObject({ ok: true, value: { contentBytes: whole.length, state } });
  });

  it('removes what a process that died left unfinished, and nothing else', async () => {
    await spool.add('active', envelope, content);
    await writeFile(join(path, 'tmp', 'half'), 'POSTERN');
    await writeFile(join(path, 'active', `${'f'.repeat(32)}.state`), 'rest of a removal');
    await reopen();
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
    expect(await readdir(join(path, 'active'))).toEqual([`${ID}.message`]);
  });

  it('reports a damaged message, and sets it aside without losing an octet', async () => {
    await spool.add('active', envelope, content);
    const file = join(path, 'active', `${ID}.message`);
    await truncate(file, 300);
    const rest = await readFile(file);
    expect(await spool.read('active', ID)).toMatchObject({ ok: false });
    expect(await spool.setAside('active', ID)).toBe(true);
    expect(await spool.list('active')).toEqual([]);
    expect(await readFile(join(path, 'damaged', `${ID}.message`))).toEqual(rest);
  });

  it('counts a part of a message for not taken, and a whole one that a dead process left for taken', async () => {
    const given = { ...envelope, receivedSha256: '0'.repeat(64) };
    await spool.add('active', given, content);
    await reopen();
    expect(await spool.findTaken(ID)).toEqual(given);
    const file = join(path, 'active', `${ID}.message`);
    const { length } = await readFile(file);
    for (const left of [0, 20, 300, length - 1]) {
      await truncate(file, left);
      expect(await spool.findTaken(ID), `${left} octets`).toBeUndefined();
    }
    await spool.add('active', given, content);
    // Whoever had read the part before does not take the whole one away.
    expect(await spool.setAside('active', ID)).toBe(false);
    expect(await spool.findTaken(ID)).toEqual(given);
    expect(await spool.finish('active', ID)).toBe(true);
    expect(await spool.findTaken(ID)).toEqual(given);
    expect(await spool.list('active')).toEqual([]);
  });

  it('takes a damaged state for none: everybody is pending, as at first', async () => {
    await spool.add('active', envelope, content);
    await spool.update('active', ID, { ...envelope.state, recipients: [{ ...recipient, status: 'delivered' }] });
    await truncate(join(path, 'active', `${ID}.state`), 90);
    expect(await spool.read('active', ID)).toMatchObject({ ok: true, value: { state: envelope.state } });
  });

  it('moves a message with its state, and forgets a removed one', async () => {
    await spool.add('active', envelope, content);
    await spool.move('active', 'held', ID, { ...envelope.state, heldBecause: 'test' });
    expect(await readdir(join(path, 'active'))).toEqual([]);
    expect(await spool.read('held', ID)).toMatchObject({ ok: true, value: { state: { heldBecause: 'test' } } });
    await spool.remove('held', ID);
    expect(await readdir(join(path, 'held'))).toEqual([]);
  });

  it('promises nothing when it cannot write', async () => {
    await rm(join(path, 'active'), { recursive: true });
    await expect(spool.add('active', envelope, content)).rejects.toThrow('ENOENT');
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
  });
});
