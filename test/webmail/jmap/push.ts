import { describe, expect, test } from 'vitest';
import { EventFeed } from '../../support/jmap.ts';
import { client, deliver, stack } from './fixture.ts';

/** EventSource (RFC 8620 §7.3). */
export function describePush(): void {
  describe('push', () => {
    test('an event comes after a delivery, with the states that the API tells', async () => {
      const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
      const feed = await EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0');
      await feed.next(({ event }) => event === 'state');
      const start = performance.now();
      await deliver('pushed');
      const { data } = await feed.next(({ event }) => event === 'state');
      console.log(`push came ${Math.round(performance.now() - start)} ms after the delivery began`);
      const states = data.changed[client.accountId];
      const [mailboxes, emails] = await client.request([
        ['Mailbox/get', { ids: [] }, '0'],
        ['Email/get', { ids: [] }, '1'],
      ]);
      expect(states).toMatchObject({
        Email: emails?.[1].state,
        Thread: emails?.[1].state,
        Mailbox: mailboxes?.[1].state,
      });
      expect(states.EmailDelivery).toBeDefined();
      feed.close();
    });

    test('closeafter=state ends the stream with the first change; types choose', async () => {
      const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
      const feed = await EventFeed.open(stack, cookie, 'types=Mailbox&closeafter=state&ping=0');
      await deliver('closes');
      const { data } = await feed.next(({ event }) => event === 'state');
      expect(Object.keys(data.changed[client.accountId])).toEqual(['Mailbox']);
      await feed.end();
    });
  });
}
