import { describe, expect, test } from 'vitest';
import { WebClient } from '../../support/jmap.ts';
import { client, stack, USER } from './fixture.ts';

/** What the store keeps for a user besides mail. */
export function describeSettings(): void {
  describe('settings', () => {
    test('identities, vacation and settings are kept by the store', async () => {
      const made = await client.call('Identity/set', {
        create: { i: { name: 'Info', email: 'info@domain1.example', textSignature: '-- \nInfo' } },
        update: { default: { name: 'Me' } },
      });
      expect(Object.keys(made.created)).toEqual(['i']);
      expect((await client.call('Identity/set', { destroy: ['default'] })).notDestroyed.default.type).toBe('forbidden');
      const { list } = await client.call('Identity/get', { ids: null });
      expect(list).toMatchObject([
        { id: 'default', name: 'Me', email: USER, mayDelete: false },
        { name: 'Info', email: 'info@domain1.example', mayDelete: true },
      ]);
      await client.call('VacationResponse/set', {
        update: { singleton: { isEnabled: true, textBody: 'Away', toDate: '2030-01-01T00:00:00Z' } },
      });
      expect((await client.call('VacationResponse/get', { ids: null })).list).toMatchObject([
        { id: 'singleton', isEnabled: true, textBody: 'Away', toDate: '2030-01-01T00:00:00Z' },
      ]);
      await client.call('VacationResponse/set', { update: { singleton: { isEnabled: false } } });
      const set = await client.call('Setting/set', {
        update: { preferences: '{"theme":"dark"}', 'sieve/mine': 'keep;\nnonsense', 'token/x': 'y' },
      });
      expect(set).toMatchObject({
        updated: ['preferences'],
        notUpdated: { 'sieve/mine': { type: 'invalidProperties' }, 'token/x': { type: 'notFound' } },
      });
      expect(set.notUpdated['sieve/mine'].description).toMatch(/line 2/);
      expect((await client.call('Setting/get', { names: ['preferences'] })).list).toEqual([
        { name: 'preferences', value: '{"theme":"dark"}' },
      ]);
    });

    test('a quota is told where there is one', async () => {
      const small = new WebClient(stack);
      await small.signIn('small@domain2.example');
      const { list } = await small.call('Quota/get', { ids: null });
      expect(list[0]).toMatchObject({ id: 'storage', resourceType: 'octets', scope: 'account' });
      expect(list[0].hardLimit).toBeGreaterThan(100_000);
      const { drafts = '' } = await small.roles();
      const { blobId } = (await small.upload(`Subject: big\r\n\r\n${'x'.repeat(300_000)}`)).json();
      const answer = await small.call('Email/import', { emails: { i: { blobId, mailboxIds: { [drafts]: true } } } });
      expect(answer.notCreated.i.type).toBe('overQuota');
      small.close();
    });
  });
}
