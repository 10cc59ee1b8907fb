import { describe, expect, test } from 'vitest';
import type { Json } from '../../support/jmap.ts';
import { client, deliver, emailOf } from './fixture.ts';

/** Mailboxes: making, moving, removing. */
export function describeMailboxes(): void {
  describe('mailboxes', () => {
    test('are made, nested, renamed, given a role, emptied and removed; each refusal has its type', async () => {
      const made = await client.call('Mailbox/set', {
        create: {
          a: { name: 'Projekte größer' },
          b: { name: 'Älter', parentId: '#a' },
          c: { name: 'a/b' },
          d: { name: 'x', parentId: 'M99999' },
        },
      });
      const { a, b } = made.created;
      expect(made.notCreated).toMatchObject({
        c: { type: 'invalidProperties', properties: ['name'] },
        d: { type: 'invalidProperties', properties: ['parentId'] },
      });
      const before = (await client.call('Mailbox/get', { ids: [] })).state;
      const renamed = await client.call('Mailbox/set', {
        update: { [a.id]: { name: 'Projects' }, [b.id]: { isSubscribed: false } },
      });
      expect(renamed.updated).toEqual({ [a.id]: null, [b.id]: null });
      const { list } = await client.call('Mailbox/get', {
        ids: [a.id, b.id],
        properties: ['name', 'parentId', 'isSubscribed'],
      });
      expect(list).toEqual([
        { id: a.id, name: 'Projects', parentId: null, isSubscribed: true },
        { id: b.id, name: 'Älter', parentId: a.id, isSubscribed: false },
      ]);
      const changes = await client.call('Mailbox/changes', { sinceState: before });
      expect(changes.updated).toEqual(expect.arrayContaining([a.id, b.id]));
      const { inbox = '' } = await client.roles();
      await deliver('for the project');
      const email = await emailOf('for the project');
      await client.call('Email/set', { update: { [email.id]: { [`mailboxIds/${b.id}`]: true } } });
      expect((await emailOf('for the project')).mailboxIds).toEqual({ [inbox]: true, [b.id]: true });
      const refused = await client.call('Mailbox/set', { destroy: [a.id, b.id, inbox] });
      expect(refused.notDestroyed).toMatchObject({
        [a.id]: { type: 'mailboxHasChild' },
        [b.id]: { type: 'mailboxHasEmail' },
        [inbox]: { type: 'forbidden' },
      });
      const removed = await client.call('Mailbox/set', { destroy: [b.id, a.id], onDestroyRemoveEmails: true });
      expect(removed.destroyed).toEqual([b.id, a.id]);
      expect((await emailOf('for the project')).mailboxIds).toEqual({ [inbox]: true });
    });

    test('Mailbox/query sorts as a tree and filters by role', async () => {
      const { ids } = await client.call('Mailbox/query', {
        filter: { hasAnyRole: true },
        sort: [{ property: 'sortOrder' }],
        sortAsTree: true,
      });
      const { list } = await client.call('Mailbox/get', { ids, properties: ['role'] });
      expect(list.map(({ role }: Json) => role)).toEqual(['inbox', 'drafts', 'sent', 'archive', 'junk', 'trash']);
    });
  });
}
