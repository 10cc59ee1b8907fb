import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ListedMailbox } from '../imap/mailbox-list.ts';
import {
  emailStateOf,
  mailboxStateOf,
  namesHashOf,
  readEmailState,
  readMailboxState,
  readWalk,
  walkState,
} from './states.ts';

const mailbox = (number: number, more: Partial<ListedMailbox> = {}): ListedMailbox => ({
  ...{ id: `M${number}`, name: `box ${number}`, separator: '/', specialUse: undefined, subscribed: true },
  ...{ messages: 1, unseen: 0, deleted: 0, uidValidity: 7, uidNext: 2, highestModSeq: number, ...more },
});

test('a state of Email says how far the account was; what is no state of ours is none', () => {
  const all = mailbox(0, { id: 'All', highestModSeq: 90, uidNext: 44, uidValidity: 3 });
  const state = emailStateOf({ mailboxes: [mailbox(1), mailbox(95)], all });
  expect(readEmailState(state)).toEqual({ modSeq: 95, uidNext: 44, uidValidity: 3 });
  for (const none of ['', '1-2-3', 'x'.repeat(40), `${state}~`, '-1-2-3-aaaaaaaaaaaaaaaa']) {
    expect(readEmailState(none)).toBeUndefined();
  }
  const walk = { from: state, to: state.replace('95', '99'), afterUid: 12 };
  expect(readWalk(walkState(walk))).toEqual(walk);
  expect(readWalk(state)).toBeUndefined();
  expect(readWalk('a~b~1')).toBeUndefined();
});

test('a state of Mailbox holds the mailboxes that there are', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 1e12 }), { minLength: 1, maxLength: 300 }), (numbers) => {
      const mailboxes = numbers.map((number) => mailbox(number));
      const state = readMailboxState(mailboxStateOf({ mailboxes, all: undefined }));
      expect(state?.ids).toEqual(new Set(mailboxes.map(({ id }) => id)));
      expect(state?.namesHash).toBe(namesHashOf(mailboxes));
    }),
  );
  const counted = mailboxStateOf({ mailboxes: [mailbox(1, { unseen: 1 })], all: undefined });
  expect(counted).not.toBe(mailboxStateOf({ mailboxes: [mailbox(1)], all: undefined }));
  expect(readMailboxState(counted)?.namesHash).toBe(namesHashOf([mailbox(1)]));
  for (const none of ['', 'unknown', 'aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa-'])
    expect(readMailboxState(none)).toBeUndefined();
});
