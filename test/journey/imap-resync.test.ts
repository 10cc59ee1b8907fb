import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';

let store: ImapStore;

beforeAll(async () => {
  store = await startImapStore();
});
afterAll(() => store.stop());

/** A client that was away comes back with what it knows (RFC 7162 §3.2.5). */
describe('QRESYNC at SELECT', () => {
  const address = 'user1@domain1.example';

  async function append(client: Awaited<ReturnType<ImapStore['signIn']>>, n: number): Promise<void> {
    const text = `Subject: ${n}\r\n\r\nbody ${n}\r\n`;
    expect(await client.command(`APPEND INBOX {${text.length}+}\r\n${text}`)).toMatch(/^TAG OK/m);
  }

  test('tells what is gone and what changed among the known UIDs, and nothing else', async () => {
    const client = await store.signIn(address);
    for (let n = 1; n <= 6; n += 1) await append(client, n);
    const selected = await client.command('SELECT INBOX');
    const uidValidity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
    const modSeq = /HIGHESTMODSEQ (\d+)/.exec(selected)?.[1];
    await client.command('UID STORE 2,5 +FLAGS.SILENT (\\Deleted)');
    await client.command('EXPUNGE');
    await client.command('UID STORE 6 +FLAGS.SILENT (\\Flagged)');
    await append(client, 7);

    const back = await store.signIn(address);
    expect(await back.command('ENABLE QRESYNC')).toContain('* ENABLED QRESYNC');
    const all = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq}))`);
    expect(all).toMatch(/^\* VANISHED \(EARLIER\) 2,5$/m);
    expect(all).toMatch(/^\* 4 FETCH \(UID 6 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$/m);
    expect(all).toMatch(/^\* 5 FETCH \(UID 7 FLAGS \([^)]*\) MODSEQ \(\d+\)\)$/m);
    expect(all.match(/FETCH/g)).toHaveLength(2);

    const some = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq} 1:4,6))`);
    expect(some).toMatch(/^\* OK \[CLOSED\]/m);
    expect(some).toMatch(/^\* VANISHED \(EARLIER\) 2$/m);
    expect(some).not.toContain('UID 7');

    const newest = /HIGHESTMODSEQ (\d+)/.exec(some)?.[1];
    const nothing = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${newest}))`);
    expect(nothing).not.toMatch(/VANISHED|FETCH/);
    const other = await back.command(`SELECT INBOX (QRESYNC (${Number(uidValidity) + 1} ${modSeq}))`);
    expect(other).not.toMatch(/VANISHED|FETCH/);
    expect(other).toMatch(/^TAG OK/m);
  });

  test('where the history was collected, every UID that is not there counts as gone, but those that matched', async () => {
    const client = await store.signIn('user2@domain1.example');
    const appendTo = async (n: number): Promise<string> => {
      const text = `Subject: ${n}\r\n\r\nbody\r\n`;
      return client.command(`APPEND INBOX {${text.length}+}\r\n${text}`);
    };
    for (let n = 1; n <= 6; n += 1) await appendTo(n);
    const selected = await client.command('SELECT INBOX');
    const uidValidity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
    const modSeq = /HIGHESTMODSEQ (\d+)/.exec(selected)?.[1];
    await client.command('UID STORE 4 +FLAGS.SILENT (\\Deleted)');
    await client.command('EXPUNGE');
    const inFarFuture = new Date(Date.now() + 400 * 86_400_000);
    expect((await store.mailstore.collectGarbage(inFarFuture)).expunged).toBeGreaterThan(0);

    const back = await store.signIn('user2@domain1.example');
    await back.command('ENABLE QRESYNC');
    const all = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq}))`);
    expect(all).toMatch(/^\* VANISHED \(EARLIER\) 4$/m);
    const known = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq} 1:6 (1,3,5 1,3,5)))`);
    expect(known).toMatch(/^\* VANISHED \(EARLIER\) 4$/m);
    const beyond = await back.command(`SELECT INBOX (QRESYNC (${uidValidity} ${modSeq} 5:9 (1:3 1:3)))`);
    expect(beyond).not.toContain('VANISHED');
  });
});

test('RFC 9051 §6.4.4: text in many charsets, HTML and encoded words is found, as a substring, at once', async () => {
  const client = await store.signIn('user3@domain1.example');
  const put = async (message: string): Promise<void> => {
    expect(await client.command(`APPEND INBOX {${message.length}+}\r\n${message}`)).toMatch(/^TAG OK/m);
  };
  const plain = (charset: string, octets: string): string =>
    `Subject: x\r\nContent-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${octets}\r\n`;
  await put(plain('koi8-r', '\xf0\xd2\xc9\xd7\xc5\xd4'));
  await put(plain('shift_jis', '\x93\xfa\x96\x7b\x8c\xea'));
  await put(plain('iso-8859-2', 'P\xf8\xedli\xb9'));
  await put('Subject: =?gb2312?B?xOO6ww==?=\r\n\r\nbody\r\n');
  await put(
    'Subject: html\r\nContent-Type: text/html\r\n\r\n<p>he<b>llo</b> &amp; w&ouml;rld<script>secret()</script></p>\r\n',
  );
  await put(plain('utf-7', 'Hi Mom +Jjo-!'));
  await client.command('SELECT INBOX');
  const search = async (key: string, text: string): Promise<string> => {
    const octets = Buffer.from(text).toString('latin1');
    const answer = await client.command(`SEARCH CHARSET UTF-8 ${key} {${octets.length}+}\r\n${octets}`);
    return /^\* SEARCH ?(.*)$/m.exec(answer)?.[1] ?? answer;
  };
  expect(await search('BODY', 'ПРИВ')).toBe('1');
  expect(await search('BODY', '本')).toBe('2');
  expect(await search('TEXT', 'říl')).toBe('3');
  expect(await search('SUBJECT', '好')).toBe('4');
  expect(await search('BODY', 'hello & wör')).toBe('5');
  expect(await search('BODY', 'secret')).toBe('');
  expect(await search('BODY', '☺')).toBe('6');
  expect(await search('HEADER Content-Type', 'KOI8')).toBe('1');
  await put('Subject: 100%_sure\r\n\r\nlate\r\n');
  await client.command('NOOP');
  expect(await search('SUBJECT', '0%_S')).toBe('7');
  expect(await search('SUBJECT', '0_%')).toBe('');
});
