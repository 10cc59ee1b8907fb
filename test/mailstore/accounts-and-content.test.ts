import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DELETED, NO_FLAGS } from '../../store/mailstore/flags.ts';
import type { FetchedMessage } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA, range } from '../support/mailstore.ts';
import { append, fetchAll, mail, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

describe('accounts', () => {
  it('have the standard mailboxes from the first time on, once, whoever asks at the same instant', async () => {
    const [one, two] = await Promise.all([stores.open(), stores.open()]);
    const given = { uuid: '11111111-0000-4000-8000-000000000000', address: 'crowd@domain1.example' };
    const results = await Promise.all(range(1, 10).map((n) => (n % 2 ? one : two).accounts.ensure(given)));
    const ids = new Set(results.map((r) => (r.kind === 'ready' ? r.account.id : r.kind)));
    expect(ids.size).toBe(1);
    const [id] = [...ids] as number[];
    const list = await one.mailboxes.list(id as number);
    expect(list.map((m) => [m.name, m.specialUse])).toEqual([
      ['INBOX', undefined],
      ['Archive', '\\Archive'],
      ['Drafts', '\\Drafts'],
      ['Junk', '\\Junk'],
      ['Sent', '\\Sent'],
      ['Trash', '\\Trash'],
    ]);
    expect(new Set(list.map((m) => m.uidValidity)).size).toBe(6);
  });

  it('follow a new address of their entry, and never take one that another entry has', async () => {
    const store = await stores.open();
    const ann = await newAccount(store);
    const bob = await newAccount(store);
    expect(await store.accounts.ensure({ uuid: ann.uuid, address: 'ann.new@domain1.example' })).toMatchObject({
      kind: 'ready',
      account: { id: ann.id, address: 'ann.new@domain1.example' },
    });
    expect(await store.accounts.ensure({ uuid: 'ffffffff-0000-4000-8000-000000000000', address: bob.address })).toEqual(
      {
        kind: 'address-taken',
        byUuid: bob.uuid,
      },
    );
  });

  it('are adopted by another entry, mail and all, by an administrator alone', async () => {
    const store = await stores.open();
    const old = await newAccount(store);
    const other = await newAccount(store);
    const uuid = 'ffffffff-0000-4000-8000-000000000001';
    const next = { uuid, address: old.address };
    expect(await store.accounts.ensure(next)).toEqual({ kind: 'address-taken', byUuid: old.uuid });
    expect(await store.accounts.adopt({ address: old.address, uuid: other.uuid })).toBe('entry-has-account');
    expect(await store.accounts.adopt({ address: 'nobody@domain9.example', uuid })).toBe('no-such-account');
    expect(await store.accounts.adopt(next)).toBe('adopted');
    expect(await store.accounts.adopt(next)).toBe('was-so-already');
    expect(await store.accounts.ensure(next)).toMatchObject({ kind: 'ready', account: { id: old.id } });
    // The entry of before is now the stranger.
    expect(await store.accounts.ensure({ uuid: old.uuid, address: old.address })).toEqual({
      kind: 'address-taken',
      byUuid: uuid,
    });
  });
});

describe('content', () => {
  it('comes back byte for byte', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    const eightBit = Buffer.from(range(1, 255));
    const bodies = [
      mail('plain'),
      Buffer.concat([mail('eight bit'), eightBit, Buffer.from('\\ \' " % _ \r\n')]),
      mail('empty', ''),
      Buffer.from('no header at all'),
      Buffer.concat([mail('large'), randomBytes(1_700_000)]),
      Buffer.concat([mail('exactly one chunk'), Buffer.alloc(524_288 - mail('exactly one chunk').length, 65)]),
    ];
    const uids: number[] = [];
    for (const body of bodies) {
      const content = await store.contents.put(body);
      const appended = await store.messages.append(
        inbox,
        [{ content, flags: NO_FLAGS, internalDate: new Date() }],
        NO_QUOTA,
      );
      if (appended.kind === 'appended') uids.push(...appended.uids);
    }
    const other = await stores.open();
    const fetched = await fetchAll(other, inbox, uids, { body: true });
    expect(fetched.map((m, i) => m.body?.equals(bodies[i] as Buffer))).toEqual(bodies.map(() => true));
    const large = fetched[4] as FetchedMessage;
    const piece = await other.messages.readBody(large.contentId, 500_000, 1_600_000);
    expect(piece.equals((bodies[4] as Buffer).subarray(500_000, 1_600_000))).toBe(true);
  });

  it('of 25 MB is kept whole, and once, however often it is put', async () => {
    const store = await stores.open();
    const large = Buffer.concat([mail('25 MB'), Buffer.alloc(25_000_000, 'abcdefghijk\r\n')]);
    const puts = await Promise.all([store.contents.put(large), store.contents.put(large)]);
    expect(puts[0]?.id.equals(puts[1]?.id as Buffer)).toBe(true);
    const back = await store.messages.readBody((puts[0] as { id: Buffer }).id);
    expect(back.equals(large)).toBe(true);
  });
});

describe('garbage', () => {
  it('goes when nothing refers to it and its grace is over, and never before', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 2);
    const [first, second] = await fetchAll(store, inbox, [1, 2], {});
    const orphan = await store.contents.put(mail('orphan'));
    await store.messages.storeFlags(inbox, [2], { how: 'add', flags: { system: DELETED, keywords: [] } });
    await store.messages.expunge(inbox);
    const exists = async (id: Buffer | undefined) => (await store.messages.structure(id as Buffer)) !== undefined;
    await store.collectGarbage();
    expect([await exists(first?.contentId), await exists(second?.contentId), await exists(orphan.id)]).toEqual([
      true,
      true,
      true,
    ]);
    await store.collectGarbage(new Date(Date.now() + 2 * 3_600_000));
    expect([await exists(first?.contentId), await exists(second?.contentId), await exists(orphan.id)]).toEqual([
      true,
      true,
      false,
    ]);
    const view = await select(store, inbox);
    await store.collectGarbage(new Date(Date.now() + 15 * 86_400_000));
    expect([await exists(first?.contentId), await exists(second?.contentId)]).toEqual([true, false]);
    await append(store, inbox, 1);
    await view.refresh();
    expect(view.take({ expunges: true })).toMatchObject({ exists: 2, expungedSequence: [] });
    view.close();
  });
});
