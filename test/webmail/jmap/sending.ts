import { describe, expect, test } from 'vitest';
import { type Json, WebClient } from '../../support/jmap.ts';
import { client, emailOf, stack, USER } from './fixture.ts';

/** Sending by the Outbox, and taking back. */
export function describeSending(): void {
  describe('sending', () => {
    test('an email goes by the Outbox to all recipients, Bcc unseen, and lies once in Sent', async () => {
      const { drafts = '', sent = '' } = await client.roles();
      const responses = await client.request([
        [
          'Email/set',
          {
            create: {
              k: {
                mailboxIds: { [drafts]: true },
                keywords: { $draft: true },
                from: [{ email: USER }],
                to: [{ email: 'user2@domain1.example' }],
                bcc: [{ email: 'user3@domain1.example' }],
                subject: 'by the outbox',
                textBody: [{ partId: 't' }],
                bodyValues: { t: { value: 'hello' } },
              },
            },
          },
          '0',
        ],
        [
          'EmailSubmission/set',
          {
            create: { s: { identityId: 'default', emailId: '#k' } },
            onSuccessUpdateEmail: {
              '#s': { [`mailboxIds/${drafts}`]: null, [`mailboxIds/${sent}`]: true, 'keywords/$draft': null },
            },
          },
          '1',
        ],
      ]);
      expect(responses.map(([name]) => name)).toEqual(['Email/set', 'EmailSubmission/set', 'Email/set']);
      const id = responses[1]?.[1].created.s.id;
      for (const name of ['user2', 'user3']) {
        const other = new WebClient(stack);
        await other.signIn(`${name}@domain1.example`);
        await expect
          .poll(async () => (await other.call('Email/query', { filter: { subject: '"by the outbox"' } })).ids.length, {
            timeout: 60_000,
          })
          .toBe(1);
        const email = await emailOf('by the outbox', ['bcc', 'to'], other);
        expect(email).toMatchObject({ bcc: null, to: [{ email: 'user2@domain1.example' }] });
        other.close();
      }
      const submission = (await client.call('EmailSubmission/get', { ids: [id] })).list[0];
      expect(submission).toMatchObject({ undoStatus: 'final', emailId: responses[0]?.[1].created.k.id });
      expect(
        (await client.call('Email/query', { filter: { inMailbox: sent, subject: '"by the outbox"' } })).ids,
      ).toHaveLength(1);
      const completion = await client.call('Recipient/query', { text: 'user' });
      expect(completion.list.map(({ email }: Json) => email).sort()).toEqual([
        'user2@domain1.example',
        'user3@domain1.example',
      ]);
    });

    test('what waits can be undone; a sender of another one is refused', async () => {
      const { drafts = '' } = await client.roles();
      const draft = {
        mailboxIds: { [drafts]: true },
        from: [{ email: USER }],
        to: [{ email: 'user2@domain1.example' }],
        subject: 'undone',
        textBody: [{ partId: 't' }],
        bodyValues: { t: { value: 'no' } },
      };
      const envelope = (email: string, parameters: Json | null) => ({
        mailFrom: { email, parameters },
        rcptTo: [{ email: 'user2@domain1.example' }],
      });
      const [, sent] = await client.request([
        ['Email/set', { create: { k: draft } }, '0'],
        [
          'EmailSubmission/set',
          {
            create: {
              later: { identityId: 'default', emailId: '#k', envelope: envelope(USER, { HOLDFOR: '3600' }) },
              forged: { identityId: 'default', emailId: '#k', envelope: envelope('user3@domain1.example', null) },
              nobody: { identityId: 'default', emailId: '#k', envelope: { mailFrom: { email: USER }, rcptTo: [] } },
            },
          },
          '1',
        ],
      ]);
      expect(sent?.[1].notCreated).toMatchObject({
        forged: { type: 'forbiddenMailFrom' },
        nobody: { type: 'noRecipients' },
      });
      const later: Json = sent?.[1].created.later;
      const { id, undoStatus } = later;
      expect(undoStatus).toBe('pending');
      const undone = await client.call('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } });
      expect(undone.updated).toEqual({ [id]: null });
      expect((await client.call('EmailSubmission/get', { ids: [id] })).list[0].undoStatus).toBe('canceled');
      expect(
        (await client.call('EmailSubmission/set', { update: { [id]: { undoStatus: 'canceled' } } })).notUpdated[id]
          .type,
      ).toBe('cannotUnsend');
    });
  });
}
