import { expect, test } from 'vitest';
import { compareWithInboxes } from './ledger.ts';
import type { InboxSeen } from './mailbox-reader.ts';
import { chanceOf } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';
import { parseStrace } from './strace.ts';

const ADDRESS = 'user1@domain1.example';
const TRACE = Buffer.from('Return-Path: <a@b.example>\r\nReceived: by store\r\nReceived: by mx\r\n');
const message = makeMessage(chanceOf(1), 1, { recipients: [ADDRESS] });
const whole = Buffer.concat([TRACE, message.bytes]);
const accepted: Attempt = { kind: 'accepted', message, accounts: [ADDRESS], reply: '250 Ok' };
const refused: Attempt = { kind: 'refused', message, reply: '451 Later' };
const unanswered: Attempt = { kind: 'unanswered', message, cause: 'lost' };

function inbox(uids: readonly number[], bytes = whole, uidNext = 10): InboxSeen {
  return { address: ADDRESS, exists: uids.length, uidNext, messages: uids.map((uid) => ({ uid, bytes })) };
}

test.each<[string, Attempt, InboxSeen]>([
  ['an accepted one once', accepted, inbox([1])],
  ['an unanswered one once', unanswered, inbox([1])],
  ['an unanswered one not at all', unanswered, inbox([])],
  ['a refused one not at all', refused, inbox([])],
])('the comparison lets pass: %s', (_, attempt, seen) => {
  expect(compareWithInboxes([attempt], [seen])).toEqual([]);
});

test.each<[string, Attempt, InboxSeen]>([
  ['an accepted one is lost', accepted, inbox([])],
  ['an accepted one came twice', accepted, inbox([1, 2])],
  ['an unanswered one came twice', unanswered, inbox([1, 2])],
  ['a refused one came', refused, inbox([1])],
  ['an octet changed', accepted, inbox([1], Buffer.from(whole.toString('latin1').replace('fault test', 'fault Test')))],
  ['an octet is missing', accepted, inbox([1], whole.subarray(0, -1))],
  ['a trace field is missing', accepted, inbox([1], Buffer.concat([TRACE.subarray(28), message.bytes]))],
  ['UIDNEXT is behind', accepted, inbox([7], whole, 7)],
  ['UIDs descend', unanswered, { ...inbox([2, 1]), messages: inbox([2, 1]).messages }],
  ['nobody sent it', accepted, inbox([1, 2], Buffer.from('X-Fault-Id: other\r\n\r\n'))],
])('the comparison tells: %s', (_, attempt, seen) => {
  expect(compareWithInboxes([attempt], [seen])).not.toEqual([]);
});

test('calls that another thread interrupts are joined, and the order of their ends is told', () => {
  const calls = parseStrace(
    [
      '7 fsync(24<\\x2f\\x61> <unfinished ...>',
      '8 write(23<TCP:[127.0.0.1:25->127.0.0.1:999]>, "\\x32\\x35\\x30", 3) = 3',
      '7 <... fsync resumed>) = 0',
      '9 rename("\\x2f\\x61", "\\x2f\\x62") = -1 ENOENT (No such file or directory)',
    ].join('\n'),
  );
  expect(calls.map(({ name, begin, end, result }) => ({ name, begin, end, result }))).toEqual([
    { name: 'write', begin: 1, end: 1, result: 3 },
    { name: 'fsync', begin: 0, end: 2, result: 0 },
    { name: 'rename', begin: 3, end: 3, result: -1 },
  ]);
  expect(calls.map((call) => call.target)).toEqual(['TCP:[127.0.0.1:25->127.0.0.1:999]', '/a', '']);
  expect(calls[0]?.strings[0]?.toString()).toBe('250');
});
