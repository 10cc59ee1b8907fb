import { describe, expect, it } from 'vitest';
import { NO_QUOTA } from '../support/mailstore.ts';
import { append, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

describe('mailboxes', () => {
  it('are made with their parents, found in any form of their name, and renamed with their children', async () => {
    const store = await stores.open();
    const { id } = await newAccount(store);
    expect(await store.mailboxes.create(id, 'a/Bücher/c/')).toMatchObject({
      kind: 'created',
      mailbox: { name: 'a/Bücher/c' },
    });
    expect(await store.mailboxes.create(id, 'a/Bu\u0308cher')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.create(id, 'Inbox')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.create(id, 'a//b')).toMatchObject({ kind: 'invalid-name' });
    expect(await store.mailboxes.create(id, 'x', { specialUse: '\\Sent' })).toEqual({ kind: 'special-use-taken' });
    expect(await store.mailboxes.rename(id, 'a', 'new/b')).toEqual({ kind: 'renamed' });
    const names = (await store.mailboxes.list(id)).map((m) => m.name);
    expect(names).toEqual(expect.arrayContaining(['new', 'new/b', 'new/b/Bücher', 'new/b/Bücher/c']));
    expect(names).not.toContain('a');
    expect(await store.mailboxes.rename(id, 'new/b', 'new/b/c')).toMatchObject({ kind: 'invalid-name' });
    expect(await store.mailboxes.rename(id, 'new/b', 'Sent')).toEqual({ kind: 'exists' });
    expect(await store.mailboxes.rename(id, 'none', 'some')).toEqual({ kind: 'no-such-mailbox' });
  });

  it('leave their name free when deleted, and the next of that name has a new UIDVALIDITY', async () => {
    const store = await stores.open();
    const { id } = await newAccount(store);
    const first = await store.mailboxes.create(id, 'p');
    if (first.kind !== 'created') throw new Error(first.kind);
    await append(store, first.mailbox.id, 2);
    expect(await store.accounts.usage(id)).toMatchObject({ messages: 2 });
    const view = await select(store, first.mailbox.id);
    expect(await store.mailboxes.remove(id, 'p')).toBe('deleted');
    expect(await store.accounts.usage(id)).toEqual({ messages: 0, bytes: 0 });
    expect(await view.refresh()).toBe('gone');
    view.close();
    const second = await store.mailboxes.create(id, 'p');
    if (second.kind !== 'created') throw new Error(second.kind);
    expect(second.mailbox.uidValidity).toBeGreaterThan(first.mailbox.uidValidity);
    expect(await store.mailboxes.status([first.mailbox.id, second.mailbox.id])).toMatchObject([
      undefined,
      { messages: 0, uidNext: 1 },
    ]);
    expect(await store.mailboxes.remove(id, 'inbox')).toBe('is-inbox');
    expect(await store.messages.append(first.mailbox.id, [], NO_QUOTA)).toEqual({ kind: 'no-such-mailbox' });
  });

  it('INBOX renamed gives its messages away and stays', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const inbox = await mailboxId(store, account, 'INBOX');
    await append(store, inbox, 3);
    expect(await store.mailboxes.rename(account.id, 'INBOX', 'old')).toEqual({ kind: 'renamed' });
    const [before, after] = await store.mailboxes.status([inbox, await mailboxId(store, account, 'old')]);
    expect(before).toMatchObject({ messages: 0, uidNext: 4, sizeBytes: 0 });
    expect(after).toMatchObject({ messages: 3, uidNext: 4 });
  });

  it('are subscribed by name, with or without a mailbox', async () => {
    const store = await stores.open();
    const { id } = await newAccount(store);
    expect(await store.mailboxes.subscribe(id, 'not/there')).toBe('subscribed');
    await store.mailboxes.unsubscribe(id, 'Junk');
    expect(await store.mailboxes.subscriptions(id)).toEqual([
      'Archive',
      'Drafts',
      'INBOX',
      'Sent',
      'Trash',
      'not/there',
    ]);
  });
});
