import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapStore, startImapStore } from '../support/imap-store.ts';

const MESSAGE = [
  'Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)',
  'From: Terry Gray <gray@cac.example>',
  'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= of the week',
  'To: imap@cac.example',
  'Message-Id: <B27397-0100000@cac.example>',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  'preamble',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Hello W=C3=B6rld',
  '--b',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner',
  '',
  'inner text',
  '--b--',
  '',
].join('\r\n');

/** Appends with a non-synchronizing literal. */
const append = (client: ImapDialogue, mailbox: string, message: string, options = ''): Promise<string> =>
  client.command(`APPEND ${mailbox} ${options}{${Buffer.byteLength(message, 'latin1')}+}\r\n${message}`);

const plain = (subject: string, body = 'text'): string => `Subject: ${subject}\r\n\r\n${body}\r\n`;

describe('a mailbox over IMAP4rev1', () => {
  let store: ImapStore;

  beforeAll(async () => {
    store = await startImapStore({ idleKeepaliveMs: 300 });
  });

  afterAll(async () => {
    await store?.stop();
  });

  test('RFC 9051 §6.3.2: SELECT tells what a client needs, and \\Recent belongs to the first session', async () => {
    const one = await store.signIn('user1@domain1.example');
    await one.command('CREATE Opened');
    expect(await append(one, 'Opened', plain('a'), '(\\Seen) ')).toMatch(/^TAG OK \[APPENDUID \d+ 1\]/);
    await append(one, 'Opened', plain('b'), '($Label1 \\Flagged) ');
    const selected = await one.command('SELECT Opened');
    expect(selected).toMatch(/^\* FLAGS \(\\Answered \\Flagged \\Deleted \\Seen \\Draft \$Label1\)$/m);
    expect(selected).toMatch(/^\* OK \[PERMANENTFLAGS \(.*\\\*\)\]/m);
    expect(selected).toContain('* 2 EXISTS\n* 2 RECENT\n* OK [UNSEEN 2]');
    expect(selected).toMatch(/^\* OK \[UIDVALIDITY [1-9]\d*\]/m);
    expect(selected).toContain('[UIDNEXT 3]');
    expect(selected).toMatch(/TAG OK \[READ-WRITE\]/);
    const two = await store.signIn('user1@domain1.example');
    expect(await two.command('EXAMINE Opened')).toMatch(
      /\* 0 RECENT[\s\S]*PERMANENTFLAGS|PERMANENTFLAGS \(\)[\s\S]*\* 0 RECENT/,
    );
    expect(await two.command('STORE 1 +FLAGS (\\Deleted)')).toMatch(/^TAG NO \[READ-ONLY\]/);
    expect(await one.command('FETCH 1:* (FLAGS UID)')).toBe(
      '* 1 FETCH (FLAGS (\\Seen \\Recent) UID 1)\n* 2 FETCH (FLAGS (\\Flagged $Label1 \\Recent) UID 2)\nTAG OK FETCH completed',
    );
    expect(await one.command('SELECT Missing')).toMatch(/^\* OK \[CLOSED\] .*\nTAG NO \[NONEXISTENT\]/);
    expect(await one.command('CHECK')).toBe('TAG BAD No mailbox selected');
  });

  test('RFC 9051 §6.4.5: every section, octet for octet', async () => {
    const client = await store.signIn('user2@domain1.example');
    await client.command('CREATE Sections');
    expect(await append(client, 'Sections', MESSAGE, '"17-Jul-1996 02:44:25 -0700" ')).toMatch(/^TAG OK/);
    await client.command('SELECT Sections');
    const fetch = async (item: string): Promise<string> => {
      const response = await client.command(`FETCH 1 ${item}`);
      return response.replace(/^\* 1 FETCH \(/, '').replace(/\)\nTAG OK FETCH completed$/, '');
    };
    const literal = (text: string): string => `{${text.length}}\n${text.replaceAll('\r\n', '\n')}`;
    const headerEnd = MESSAGE.indexOf('\r\n\r\n') + 4;
    expect(await fetch('BODY.PEEK[]')).toBe(`BODY[] ${literal(MESSAGE)}`);
    expect(await fetch('BODY.PEEK[]<7.10>')).toBe(`BODY[]<7> ${literal(MESSAGE.slice(7, 17))}`);
    expect(await fetch('BODY.PEEK[]<99999.10>')).toBe(`BODY[]<99999> ${literal('')}`);
    expect(await fetch('RFC822.HEADER')).toBe(`RFC822.HEADER ${literal(MESSAGE.slice(0, headerEnd))}`);
    expect(await fetch('BODY.PEEK[TEXT]')).toBe(`BODY[TEXT] ${literal(MESSAGE.slice(headerEnd))}`);
    expect(await fetch('BODY.PEEK[1]')).toBe(`BODY[1] ${literal('Hello W=C3=B6rld')}`);
    expect(await fetch('BODY.PEEK[2.HEADER]')).toBe(`BODY[2.HEADER] ${literal('Subject: inner\r\n\r\n')}`);
    expect(await fetch('BODY.PEEK[2.1]')).toBe(`BODY[2.1] ${literal('inner text')}`);
    expect(await fetch('BODY.PEEK[2.MIME]')).toBe(`BODY[2.MIME] ${literal('Content-Type: message/rfc822\r\n\r\n')}`);
    expect(await fetch('BODY.PEEK[3]')).toBe('BODY[3] NIL');
    expect(await fetch('BODY.PEEK[HEADER.FIELDS (TO "message-id")]')).toBe(
      `BODY[HEADER.FIELDS (TO message-id)] ${literal('To: imap@cac.example\r\nMessage-Id: <B27397-0100000@cac.example>\r\n\r\n')}`,
    );
    const all = await fetch('ALL');
    expect(all).toMatch(
      /^FLAGS \(\\Recent\) INTERNALDATE "17-Jul-1996 09:44:25 \+0000" RFC822\.SIZE \d+ ENVELOPE \("Wed, 17 Jul 1996 02:23:25 -0700 \(PDT\)" /,
    );
    expect(all).toContain(`RFC822.SIZE ${MESSAGE.length} `);
    expect(all).toContain('(("Terry Gray" NIL "gray" "cac.example"))');
    const body = await fetch('BODY');
    expect(body).toMatch(
      /^BODY \(\("text" "plain" \("charset" "utf-8"\) NIL NIL "quoted-printable" 16 \d+\)\("message" "rfc822" NIL NIL NIL "7bit" 28 \(NIL "inner" [\s\S]*\) \("text" "plain" .*\) \d+\) "mixed"\)$/i,
    );
    expect(await fetch('BODYSTRUCTURE')).toMatch(/^BODYSTRUCTURE \(.* "mixed" \("boundary" "b"\) NIL NIL NIL\)$/i);
    // Without PEEK \Seen is set, and told.
    expect(await fetch('BODY[1]')).toBe(`BODY[1] ${literal('Hello W=C3=B6rld')} FLAGS (\\Seen \\Recent)`);
    expect(await client.command('UID FETCH 5:* FLAGS')).toBe(
      '* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\nTAG OK FETCH completed',
    );
  });

  test('a message above the limit of memory is streamed, whole and in parts', async () => {
    const client = await store.signIn('user2@domain1.example');
    await client.command('CREATE Large');
    const body = Array.from({ length: 40_000 }, (_, n) => `line ${n} ${'x'.repeat(60)}`).join('\r\n');
    const message = plain('large', body);
    expect(await append(client, 'Large', message)).toMatch(/^TAG OK/);
    await client.command('SELECT Large');
    const response = await client.command('FETCH 1 BODY.PEEK[]');
    expect(response).toBe(
      `* 1 FETCH (BODY[] {${message.length}}\n${message.replaceAll('\r\n', '\n')})\nTAG OK FETCH completed`,
    );
    expect(await client.command('FETCH 1 BODY.PEEK[TEXT]<2000000.12>')).toContain(
      message
        .slice(message.indexOf('\r\n\r\n') + 4)
        .slice(2_000_000, 2_000_012)
        .replaceAll('\r\n', '\n'),
    );
  });

  test('STORE, COPY, MOVE and EXPUNGE with UIDPLUS', async () => {
    const client = await store.signIn('user5@domain2.example');
    await client.command('CREATE From');
    await client.command('CREATE To');
    for (const subject of ['a', 'b', 'c', 'd']) await append(client, 'From', plain(subject));
    await client.command('SELECT From');
    expect(await client.command('STORE 1:2 +FLAGS (\\Deleted kw)')).toContain(
      '* 2 FETCH (FLAGS (\\Deleted kw \\Recent))',
    );
    expect(await client.command('UID STORE 2 -FLAGS.SILENT \\Deleted')).toBe('TAG OK STORE completed');
    expect(await client.command('COPY 1,3 Nowhere')).toMatch(/^TAG NO \[TRYCREATE\]/);
    expect(await client.command('COPY 1,3 To')).toMatch(/^TAG OK \[COPYUID \d+ 1,3 1:2\]/);
    expect(await client.command('UID EXPUNGE 2:4')).toBe('TAG OK EXPUNGE completed');
    expect(await client.command('EXPUNGE')).toBe('* 1 EXPUNGE\nTAG OK EXPUNGE completed');
    expect(await client.command('MOVE 2:3 To')).toMatch(
      /^\* OK \[COPYUID \d+ 3:4 3:4\] Moved\n\* 3 EXPUNGE\n\* 2 EXPUNGE\nTAG OK/,
    );
    expect(await client.command('UID SEARCH ALL')).toBe('* SEARCH 2\nTAG OK SEARCH completed');
    expect(await client.command('STATUS To (MESSAGES UIDNEXT UNSEEN)')).toContain(
      '* STATUS To (MESSAGES 4 UIDNEXT 5 UNSEEN 4)',
    );
    expect(await append(client, 'Nowhere', plain('x'))).toMatch(/^TAG NO \[TRYCREATE\]/);
    await client.command('STORE 1 FLAGS (\\Deleted)');
    expect(await client.command('CLOSE')).toBe('TAG OK CLOSE completed');
    expect(await client.command('STATUS From (MESSAGES)')).toContain('(MESSAGES 0)');
  });

  test('RFC 9051 §7.5.1: another session’s EXPUNGE waits until numbers may change, and flags are seen', async () => {
    const setup = await store.signIn('user5@domain2.example');
    await setup.command('CREATE Shared');
    for (const subject of ['a', 'b', 'c']) await append(setup, 'Shared', plain(subject));
    const one = await store.signIn('user5@domain2.example', 'Shared');
    const two = await store.signIn('user5@domain2.example', 'Shared');
    await one.command('STORE 3 +FLAGS (\\Flagged)');
    expect(await two.command('NOOP')).toMatch(/\* 3 FETCH \(FLAGS \(\\Flagged\)\)/);
    await one.command('STORE 1 +FLAGS.SILENT (\\Deleted)');
    await one.command('EXPUNGE');
    const fetched = await two.command('FETCH 1:3 (UID)');
    expect(fetched).not.toContain('EXPUNGE\n');
    expect(fetched).toContain('* 3 FETCH (UID 3)');
    const bodies = await two.command('FETCH 1:3 (UID RFC822.SIZE)');
    expect(bodies).toMatch(/^\* 2 FETCH \(UID 2 .*\n\* 3 FETCH \(UID 3 .*\nTAG OK \[EXPUNGEISSUED\]/);
    expect(await two.command('NOOP')).toContain('* 1 EXPUNGE');
    expect(await two.command('FETCH 1 (UID)')).toContain('* 1 FETCH (UID 2)');
  });

  test('RFC 2177: IDLE tells of new mail at once, keeps the line alive, and ends by DONE', async () => {
    const idling = await store.signIn('user4@domain2.example', 'INBOX');
    const sender = await store.signIn('user4@domain2.example');
    idling.send('i IDLE\r\n');
    await idling.until(/^\+ idling\r\n/m);
    await idling.until(/\* OK Still here\r\n/);
    const started = performance.now();
    await append(sender, 'INBOX', plain('new'));
    await idling.until(/\* 1 EXISTS\r\n\* 1 RECENT\r\n/);
    expect(performance.now() - started).toBeLessThan(1000);
    idling.send('DONE\r\n');
    expect(await idling.until(/^i .*\r\n/m)).toMatch(/i OK IDLE completed/);
  });

  test('RFC 9051 §6.4.4: SEARCH by flag, date, size, header, body, text, sets and their combinations', async () => {
    const client = await store.signIn('user4@domain2.example');
    await client.command('CREATE Found');
    await append(client, 'Found', MESSAGE, '(\\Seen) "17-Jul-1996 02:44:25 -0700" ');
    await append(client, 'Found', plain('second', 'needle in the hay'), '(kw) "18-Jul-1996 02:44:25 -0700" ');
    await append(client, 'Found', plain('third', 'x'.repeat(5000)), '"19-Jul-1996 02:44:25 -0700" ');
    await client.command('SELECT Found');
    const search = async (keys: string): Promise<string> =>
      (await client.command(`SEARCH ${keys}`)).replace(/^\* SEARCH ?/, '').replace(/\nTAG OK SEARCH completed$/, '');
    expect(await search('ALL')).toBe('1 2 3');
    expect(await search('UNSEEN NOT KEYWORD KW')).toBe('3');
    expect(await search('OR SEEN 3:*')).toBe('1 3');
    expect(await search('UID 2:9 NOT 3')).toBe('2');
    expect(await search('ON 18-Jul-1996')).toBe('2');
    expect(await search('SINCE 18-Jul-1996')).toBe('2 3');
    expect(await search('BEFORE 18-Jul-1996')).toBe('1');
    expect(await search('SENTON 17-Jul-1996')).toBe('1');
    expect(await search('LARGER 2000')).toBe('3');
    expect(await search('SUBJECT SECOND')).toBe('2');
    expect(await search('BODY NEEDLE')).toBe('2');
    expect(await search('FROM "terry gray" HEADER Message-ID ""')).toBe('1');
    expect(await search('CHARSET UTF-8 SUBJECT {7+}\r\nGr\xc3\xbc\xc3\x9fe')).toBe('1');
    expect(await search('CHARSET UTF-8 TEXT {6+}\r\nw\xc3\xb6rld')).toBe('1');
    expect(await search('TEXT nowhere')).toBe('');
    expect(await search('CHARSET KLINGON ALL')).toMatch(/^TAG NO \[BADCHARSET \(US-ASCII UTF-8\)\]/);
  });

  test('mailboxes: nested, non-ASCII, special-use, subscribed, renamed, deleted', async () => {
    const client = await store.signIn('user5@domain2.example');
    const inbox = await client.command('LIST "" *');
    expect(inbox).toMatch(/^\* LIST \(\\HasNoChildren\) "\/" INBOX$/m);
    expect(inbox).toMatch(/^\* LIST \(\\HasNoChildren \\Sent\) "\/" Sent$/m);
    expect(await client.command('LIST (SPECIAL-USE) "" % RETURN (STATUS (MESSAGES))')).toMatch(
      /\\Drafts\) "\/" Drafts\n[\s\S]*\* STATUS Drafts \(MESSAGES 0\)/,
    );
    expect(await client.command('CREATE Entw&APw-rfe/2024')).toMatch(/^TAG OK/);
    expect(await client.command('CREATE Entw&APw-rfe/2024')).toMatch(/^TAG NO \[ALREADYEXISTS\]/);
    expect(await client.command('CREATE &bad')).toMatch(/^TAG NO \[CANNOT\]/);
    expect(await client.command('LIST "" Entw*')).toBe(
      '* LIST (\\HasChildren) "/" Entw&APw-rfe\n* LIST (\\HasNoChildren) "/" Entw&APw-rfe/2024\nTAG OK LIST completed',
    );
    await client.command('SUBSCRIBE Entw&APw-rfe/2024');
    expect(await client.command('LSUB "" Entw%')).toContain('* LSUB (\\Noselect) "/" Entw&APw-rfe\n');
    expect(await client.command('LIST (SUBSCRIBED) "" Entw*')).toContain(
      '(\\HasNoChildren \\Subscribed) "/" Entw&APw-rfe/2024',
    );
    expect(await client.command('LIST (SUBSCRIBED RECURSIVEMATCH) "" Entw%')).toContain(
      '"/" Entw&APw-rfe ("CHILDINFO" ("SUBSCRIBED"))',
    );
    expect(await client.command('RENAME Entw&APw-rfe Alt')).toMatch(/^TAG OK/);
    expect(await client.command('LIST "" Alt/%')).toContain('"/" Alt/2024');
    expect(await client.command('DELETE Alt')).toMatch(/^TAG OK/);
    expect(await client.command('LIST "" Alt%')).toContain('* LIST (\\Noselect \\HasChildren) "/" Alt\n');
    expect(await client.command('DELETE inbox')).toMatch(/^TAG NO \[CANNOT\]/);
    expect(await client.command('SELECT iNbOx')).toMatch(/TAG OK \[READ-WRITE\]/);
    expect(await client.command('LIST "" ""')).toContain('* LIST (\\Noselect) "/" ""');
    expect(await client.command('NAMESPACE')).toContain('* NAMESPACE (("" "/")) (("Other Users/" "/")) NIL');
  });
});
