import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';

/** What confuses whoever looks for lines, headers, parts, literals or quotes. */
const BITS = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  'Subject: x',
  ' ',
  ':',
  '\t',
  'Content-Type: multipart/mixed; boundary=b',
  '--b',
  '--b--',
  'Content-Type: message/rfc822',
  'Content-Transfer-Encoding: base64',
  '{5}',
  '{5+}',
  ')',
  '"',
  '\\',
  '.',
  '..',
  '\xff\xfe',
  '\xc3\xa4',
  'x'.repeat(1500),
];
const octets = fc
  .array(
    fc.oneof(
      fc.constantFrom(...BITS),
      fc.integer({ min: 1, max: 255 }).map((octet) => String.fromCharCode(octet)),
    ),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((bits) => bits.join(''));

let store: ImapStore;
let client: ImapDialogue;

beforeAll(async () => {
  store = await startImapStore({ maxCommandsPerSecond: 100_000 });
  client = await store.signIn('user1@domain1.example');
  // RFC 6855 §4: octets above 127 stand in headers of those alone who know them.
  await client.command('ENABLE UTF8=ACCEPT');
  await client.command('SELECT INBOX');
});

afterAll(async () => {
  await store?.stop();
});

/** The literal of a FETCH that asks for one, as it came. */
async function fetched(what: string): Promise<string> {
  client.send(`fetched FETCH * (${what})\r\n`);
  const answer = await client.until(/^fetched .*\r\n/m);
  const [before = '', length = ''] = /^\* \d+ FETCH \(\S+(?: \([^)]*\))?\S* \{(\d+)\}\r\n/.exec(answer) ?? [];
  expect(before, answer).not.toBe('');
  return answer.slice(before.length, before.length + Number(length));
}

test('RFC 9051 §6.4.5: whatever octets were appended are what is fetched, whole, in parts, and as header and text', async () => {
  await fc.assert(
    fc.asyncProperty(octets, fc.nat(), fc.integer({ min: 1, max: 2000 }), async (message, from, count) => {
      const appended = await client.command(`APPEND INBOX {${message.length}+}\r\n${message}`);
      expect(appended).toMatch(/TAG OK \[APPENDUID /);
      expect(await fetched('BODY.PEEK[]')).toBe(message);
      const offset = from % (message.length + 1);
      expect(await fetched(`BODY.PEEK[]<${offset}.${count}>`)).toBe(message.slice(offset, offset + count));
      expect((await fetched('BODY.PEEK[HEADER]')) + (await fetched('BODY.PEEK[TEXT]'))).toBe(message);
      expect(await client.command('FETCH * RFC822.SIZE')).toContain(`RFC822.SIZE ${message.length})`);
      expect(await client.command('FETCH * (ENVELOPE BODYSTRUCTURE PREVIEW)')).toMatch(/TAG OK/);
      expect(await client.command('SEARCH OR TEXT nothing-of-it SUBJECT nothing-of-it')).toMatch(/^\* SEARCH\n/m);
    }),
    { numRuns: process.env.POSTERN_TEST_FULL === '1' ? 2000 : 60 },
  );
});
