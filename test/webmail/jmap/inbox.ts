import { describe, expect, test } from 'vitest';
import { type Json, WebClient } from '../../support/jmap.ts';
import { client, deliver, emailOf, stack, USER } from './fixture.ts';

/** RFC 8621 §4.10: how a client lists an inbox, and stays in step with another one. */
export function describeInbox(): void {
  describe('RFC 8621 §4.10: the walk through an inbox', () => {
    let state: string;
    let queryState: string;
    const listing = (filter: Json) =>
      [
        [
          'Email/query',
          {
            filter,
            sort: [{ property: 'receivedAt', isAscending: false }],
            collapseThreads: true,
            position: 0,
            limit: 30,
            calculateTotal: true,
          },
          '0',
        ],
        ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['threadId'] }, '1'],
        ['Thread/get', { '#ids': { resultOf: '1', name: 'Email/get', path: '/list/*/threadId' } }, '2'],
        [
          'Email/get',
          {
            '#ids': { resultOf: '2', name: 'Thread/get', path: '/list/*/emailIds' },
            properties: [
              'threadId',
              'mailboxIds',
              'keywords',
              'hasAttachment',
              'from',
              'subject',
              'receivedAt',
              'size',
              'preview',
            ],
          },
          '3',
        ],
      ] as [string, Json, string][];

    test('four calls in one request list the newest threads', async () => {
      await deliver('The Big Reveal');
      await deliver(
        'Re: The Big Reveal',
        'answer\r\n',
        'In-Reply-To: <The-Big-Reveal@elsewhere.example>\r\nReferences: <The-Big-Reveal@elsewhere.example>\r\n',
      );
      await deliver('Something else');
      const { inbox = '' } = await client.roles();
      const [query, , threads, emails] = await client.request(listing({ inMailbox: inbox }));
      expect(query?.[1]).toMatchObject({ position: 0, total: 2, canCalculateChanges: true });
      expect(threads?.[1].list.map((thread: Json) => thread.emailIds.length)).toEqual([1, 2]);
      const subjects = emails?.[1].list.map((email: Json) => email.subject);
      expect(subjects).toEqual(['Something else', 'The Big Reveal', 'Re: The Big Reveal']);
      expect(emails?.[1].list[1]).toMatchObject({
        from: [{ name: 'Jane Doe', email: 'jane@elsewhere.example' }],
        mailboxIds: { [inbox]: true },
        keywords: {},
        hasAttachment: false,
        preview: 'text',
      });
      state = emails?.[1].state;
      queryState = query?.[1].queryState;
    });

    test('another client marks as read, deletes, gets mail: Email/changes and Email/queryChanges bring the first into step', async () => {
      const other = new WebClient(stack);
      await other.signIn(USER);
      const { inbox = '', trash = '' } = await client.roles();
      const read = await emailOf('Something else', ['id'], other);
      const gone = await emailOf('Re: The Big Reveal', ['id'], other);
      const set = await other.call('Email/set', {
        update: {
          [read.id]: { 'keywords/$seen': true },
          [gone.id]: { mailboxIds: { [trash]: true } },
        },
      });
      expect(set.updated).toEqual({ [read.id]: null, [gone.id]: null });
      await deliver('Fresh mail');
      const fresh = await emailOf('Fresh mail');
      const [changes, queryChanges] = await client.request([
        ['Email/changes', { sinceState: state, maxChanges: 50 }, '3'],
        [
          'Email/queryChanges',
          {
            filter: { inMailbox: inbox },
            sort: [{ property: 'receivedAt', isAscending: false }],
            collapseThreads: true,
            sinceQueryState: queryState,
            maxChanges: 25,
            calculateTotal: true,
          },
          '11',
        ],
      ]);
      expect(changes?.[1]).toMatchObject({
        oldState: state,
        hasMoreChanges: false,
        created: [fresh.id],
        destroyed: [],
      });
      expect([...(changes?.[1].updated ?? [])].sort()).toEqual([read.id, gone.id].sort());
      expect(queryChanges?.[1]).toMatchObject({ total: 3 });
      expect(queryChanges?.[1].added[0]).toEqual({ id: fresh.id, index: 0 });
      expect(queryChanges?.[1].removed).toContain(read.id);
      const destroyed = await other.call('Email/set', { destroy: [gone.id] });
      expect(destroyed.destroyed).toEqual([gone.id]);
      expect(await client.call('Email/changes', { sinceState: changes?.[1].newState })).toMatchObject({
        destroyed: [gone.id],
      });
      other.close();
    });
  });
}
