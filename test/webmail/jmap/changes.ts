import { describe, expect, test } from 'vitest';
import type { Json } from '../../support/jmap.ts';
import { signInByImap } from '../../support/mailbox.ts';
import { client, deliver, delivered, stack, USER } from './fixture.ts';

/** States that are good later: across restarts, and in portions. */
export function describeChanges(): void {
  describe('restarts', () => {
    test('the session goes on, and states from before are good: created, updated, destroyed', async () => {
      const doomed = await delivered('to be destroyed');
      const marked = await delivered('to be marked as deleted');
      const kept = await delivered('to be kept');
      const { state } = await client.call('Email/get', { ids: [] });
      await stack.restart('webmail');
      await client.call('Email/set', { update: { [kept.id]: { 'keywords/$flagged': true } }, destroy: [doomed.id] });
      await markAsDeleted('to be marked as deleted');
      const fresh = await delivered('after the restart');
      await stack.restart('webmail');
      const changes = await client.call('Email/changes', { sinceState: state });
      expect(changes).toMatchObject({ created: [fresh.id], updated: [kept.id], hasMoreChanges: false });
      expect([...changes.destroyed].sort()).toEqual([doomed.id, marked.id].sort());
      await stack.restart('store');
      expect((await client.call('Email/get', { ids: [fresh.id], properties: ['id'] })).list).toHaveLength(1);
    });

    test('threads and queries too, as long as nothing is gone whose thread the store forgot', async () => {
      const { inbox = '' } = await client.roles();
      const listing = { filter: { inMailbox: inbox }, sort: [{ property: 'receivedAt', isAscending: false }] };
      const since = { ...listing, collapseThreads: true };
      const old = await delivered('removed from the list');
      const kept = await delivered('kept in the list');
      const { queryState, ids } = await client.call('Email/query', since);
      await stack.restart('webmail');
      const fresh = await delivered('new in the list');
      await client.call('Email/set', { update: { [kept.id]: { 'keywords/$flagged': true } } });
      await stack.restart('webmail');
      const changes = await client.call('Email/queryChanges', { ...since, sinceQueryState: queryState });
      expect(changes.added).toContainEqual({ id: fresh.id, index: 0 });
      expect(changes.removed).toContain(kept.id);
      expect(applied(ids, changes)).toEqual((await client.call('Email/query', since)).ids);
      const threads = await client.call('Thread/changes', { sinceState: queryState });
      expect(threads).toMatchObject({ created: [fresh.threadId], destroyed: [] });
      expect(threads.updated).toContain(kept.threadId);

      await client.call('Email/set', { destroy: [old.id] });
      await stack.restart('webmail');
      const { error } = await client.call('Email/queryChanges', { ...since, sinceQueryState: queryState });
      expect(error).toBe('cannotCalculateChanges');
      const flat = await client.call('Email/queryChanges', { ...listing, sinceQueryState: queryState });
      expect([...flat.removed].sort()).toEqual([kept.id, old.id].sort());
    });

    test('mailboxes too: made, renamed, removed', async () => {
      const made = await client.call('Mailbox/set', { create: { a: { name: 'Goes' }, b: { name: 'Stays' } } });
      const { a, b } = made.created;
      const { state } = await client.call('Mailbox/get', { ids: [] });
      await stack.restart('webmail');
      const only = await client.call('Mailbox/set', { create: { c: { name: 'New' } }, destroy: [a.id] });
      await client.call('Mailbox/set', { update: { [b.id]: { name: 'Stayed' } } });
      await stack.restart('webmail');
      const changes = await client.call('Mailbox/changes', { sinceState: state });
      expect(changes).toMatchObject({ created: [only.created.c.id], destroyed: [a.id], updatedProperties: null });
      expect(changes.updated).toContain(b.id);
      await delivered('counted');
      const counts = await client.call('Mailbox/changes', { sinceState: changes.newState });
      expect(counts.updatedProperties).toEqual(expect.arrayContaining(['totalEmails', 'unreadEmails']));
      const { notDestroyed } = await client.call('Mailbox/set', { destroy: [b.id, only.created.c.id] });
      expect(notDestroyed).toBeNull();
    });
  });

  describe('RFC 8620 §5.2: no more changes at a time than were asked for', () => {
    test('portions bring a client into step, whatever happens between them, and whichever process answers', async () => {
      const gone = await delivered('gone between');
      const changed = await delivered('changed between');
      const before = new Set((await client.call('Email/query', {})).ids as string[]);
      const { state } = await client.call('Email/get', { ids: [] });
      for (let n = 0; n < 5; n += 1) await deliver(`portion ${n}`);
      await client.call('Email/set', { destroy: [gone.id], update: { [changed.id]: { 'keywords/portion': true } } });

      const known = new Set(before);
      const told: string[] = [];
      let sinceState: string = state;
      for (let round = 0; round < 20; round += 1) {
        const changes = await client.call('Email/changes', { sinceState, maxChanges: 2 });
        const { created, updated, destroyed, newState, hasMoreChanges } = changes as Json;
        expect(changes.oldState).toBe(sinceState);
        expect(created.length + updated.length + destroyed.length).toBeLessThanOrEqual(2);
        for (const id of created) expect(known.has(id)).toBe(false);
        for (const id of [...updated, ...destroyed]) expect(known.has(id)).toBe(true);
        for (const id of created) known.add(id);
        for (const id of destroyed) known.delete(id);
        told.push(...created, ...updated, ...destroyed);
        sinceState = newState;
        if (round === 1) {
          await stack.restart('webmail');
          await delivered('beside two portions');
        }
        if (hasMoreChanges !== true) break;
      }
      expect(told).toEqual(expect.arrayContaining([gone.id, changed.id]));
      expect(known).toEqual(new Set((await client.call('Email/query', {})).ids as string[]));
      expect(sinceState).toBe((await client.call('Email/get', { ids: [] })).state);
    });
  });
}

/** RFC 8620 §5.6: what a client makes of its list. */
function applied(ids: readonly string[], { removed, added }: Json): string[] {
  const list = ids.filter((id) => !removed.includes(id));
  for (const { id, index } of added) list.splice(index, 0, id);
  return list;
}

/** As clients of IMAP do it that do not expunge. */
async function markAsDeleted(subject: string): Promise<void> {
  const imap = await signInByImap(stack, USER, 'user1');
  try {
    await imap.mailboxOpen('INBOX');
    await imap.messageFlagsAdd({ subject }, ['\\Deleted']);
  } finally {
    await imap.logout();
  }
}
