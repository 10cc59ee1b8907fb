import { newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { letterText, type SieveStore, startSieveStore } from './sieve-store.ts';

/** Mail comes by LMTP into a store of its own process, on a real MariaDB and slapd, and is read by IMAP. */
let store: SieveStore;
const ALICE = 'user1@domain1.example';
const BOB = 'user2@domain1.example';
const CAROL = 'user3@domain1.example';
/** Each is a start of the store, which takes a second or more. */
const KILLS = process.env.POSTERN_TEST_FULL === undefined ? 2 : 12;

beforeAll(async () => {
  store = await startSieveStore();
});
afterAll(async () => {
  await store?.stop();
});

describe('Sieve at delivery', () => {
  it('files, with flags, in several mailboxes, made where they are missing (RFC 5228 §4.1, RFC 5232, RFC 5490 §3.2)', async () => {
    await store.useScript(
      ALICE,
      `require ["fileinto", "imap4flags", "mailbox", "copy", "variables"];
       if header :matches "subject" "[*] *" {
         fileinto :create :copy :flags ["\\\\Flagged", "$Work"] "Lists/\${1}";
         addflag "\\\\Seen";
       }`,
    );
    expect(await store.deliver({ to: ALICE, subject: '[dev] build' })).toMatch(/^250 2\.0\.0/);
    expect(await store.mailbox(ALICE, 'Lists/dev')).toMatchObject([
      { subject: '[dev] build', flags: ['$Work', '\\Flagged'] },
    ]);
    expect(await store.mailbox(ALICE, 'INBOX')).toMatchObject([{ subject: '[dev] build', flags: ['\\Seen'] }]);
  });

  it('keeps in INBOX what goes to a mailbox that is not there', async () => {
    await store.useScript(ALICE, 'require "fileinto"; fileinto "Nowhere";');
    expect(await store.deliver({ to: ALICE, subject: 'kept all the same' })).toMatch(/^250/);
    expect((await store.mailbox(ALICE, 'INBOX')).at(-1)?.subject).toBe('kept all the same');
  });

  it('keeps one message there when several names come to the same mailbox (RFC 5228 §2.10.3)', async () => {
    await store.useScript(
      ALICE,
      'require ["fileinto", "copy", "imap4flags"]; fileinto :copy :flags "a" "Nowhere"; fileinto :copy :flags "\\\\Seen" "inbox"; keep :flags "b";',
    );
    await store.deliver({ to: ALICE, subject: 'just once' });
    const found = (await store.mailbox(ALICE, 'INBOX')).filter((each) => each.subject === 'just once');
    expect(found).toMatchObject([{ flags: ['\\Seen', 'a', 'b'] }]);
  });

  it('discards, and says 250 (RFC 5228 §4.4)', async () => {
    await store.useScript(ALICE, 'if header :contains "subject" "viagra" { discard; }');
    const before = (await store.mailbox(ALICE, 'INBOX')).length;
    expect(await store.deliver({ to: ALICE, subject: 'Viagra' })).toMatch(/^250/);
    expect(await store.mailbox(ALICE, 'INBOX')).toHaveLength(before);
  });

  it('refuses one recipient by its reply, and another has the message (RFC 5429 §2.1.1)', async () => {
    await store.useScript(ALICE, 'require "ereject"; ereject "No birdseed, please";');
    const id = newDeliveryId();
    expect(await store.deliver({ to: ALICE, id })).toBe('550 5.7.1 No birdseed, please');
    expect(await store.deliver({ to: BOB, id, subject: 'for Bob' })).toMatch(/^250/);
    // The same delivery again gets the reply that is on record.
    expect(await store.deliver({ to: ALICE, id })).toBe('550 5.7.1 No birdseed, please');
  });

  it('answers a refusal whose text is not US-ASCII by an MDN if the sender is known, else by a reply (RFC 5429 §2.2)', async () => {
    await store.useScript(ALICE, 'require "reject"; reject "Bitte nicht, schöne Grüße";');
    expect(await store.deliver({ to: ALICE })).toBe("550 5.7.1 The recipient's mail filter has refused the message");
    await store.newOutgoing(ALICE);
    const fields = ['Authentication-Results: mx.example; spf=pass smtp.mailfrom=a.example'];
    expect(await store.deliver({ to: ALICE, fields })).toMatch(/^250/);
    const [mdn] = await store.newOutgoing(ALICE);
    expect(mdn).toMatchObject({ cause: 'reject', from: '', to: ['ann@a.example'] });
    expect(mdn?.content).toContain('Disposition: automatic-action/MDN-sent-automatically; deleted');
    const text = /base64\r\n\r\n([A-Za-z0-9+/=\r\n]+?)\r\n\r\n/.exec(mdn?.content ?? '')?.[1] ?? '';
    expect(Buffer.from(text, 'base64').toString()).toContain('Bitte nicht, schöne Grüße');
  });

  it('changes take effect with the next message, whoever has made them: a script by METADATA (RFC 5464)', async () => {
    await store.useScript(BOB, 'keep;');
    await store.deliver({ to: BOB, subject: 'one' });
    const { ready } = store.process;
    const { connectImap } = await import('../support/imap-dialogue.ts');
    const imap = await connectImap(ready.imap as number);
    await imap.command(`LOGIN ${BOB} user2`);
    const script = 'require "fileinto"; fileinto "Archive";';
    const set = await imap.command(
      `SETMETADATA "" (/private/vendor/postern/sieve/web {${script.length}+}\r\n${script} /private/vendor/postern/sieve-active "web")`,
    );
    expect(set).toMatch(/TAG OK/);
    expect(await imap.command('SETMETADATA "" (/private/vendor/postern/sieve/bad "keep")')).toMatch(
      /TAG NO \[CANNOT\] line 1: .*semicolon/,
    );
    const read = await imap.command(
      'GETMETADATA "" (/private/vendor/postern/sieve-active /private/vendor/postern/sieve/web)',
    );
    expect(read).toContain('/private/vendor/postern/sieve-active "web"');
    expect(read).toContain('fileinto');
    const away = JSON.stringify({ enabled: true, text: 'Away.' });
    expect(
      await imap.command(`SETMETADATA "" (/private/vendor/postern/vacation {${away.length}+}\r\n${away})`),
    ).toMatch(/TAG OK/);
    expect(await imap.command('GETMETADATA "" /private/vendor/postern/vacation')).toContain('Away.');
    expect(await imap.command('SETMETADATA "" (/private/vendor/postern/vacation "{}")')).toMatch(
      /TAG NO \[CANNOT\] .*enabled/,
    );
    expect(await imap.command('SETMETADATA "" (/private/vendor/postern/vacation NIL)')).toMatch(/TAG OK/);
    imap.close();
    await store.deliver({ to: BOB, subject: 'two' });
    expect((await store.mailbox(BOB, 'Archive')).map((each) => each.subject)).toEqual(['two']);
  });

  it('tells the user of a script that fails: the message in INBOX, a notice once, the last error in METADATA (RFC 5228 §2.10.6)', async () => {
    await store.useScript(
      CAROL,
      `require ["fileinto", "ihave"];\nfileinto "Archive";\nerror "the \\"boss\\" rule is broken";`,
    );
    expect(await store.deliver({ to: CAROL, subject: 'first' })).toMatch(/^250/);
    expect(await store.deliver({ to: CAROL, subject: 'second' })).toMatch(/^250/);
    expect((await store.mailbox(CAROL, 'INBOX')).map((each) => each.subject)).toEqual([
      'first',
      'Your mail filter has stopped: main, line 3',
      'second',
    ]);
    expect(await store.mailbox(CAROL, 'Archive')).toEqual([]);
    const settings = await store.mailstore.settings.read((await store.account(CAROL)).id, 0);
    const error = settings.find(({ entry }) => entry === '/private/vendor/postern/sieve-error');
    expect(JSON.parse(String(error?.value))).toMatchObject({
      script: 'main',
      line: 3,
      message: 'the "boss" rule is broken',
    });
    const logged = await store.process.logged({ event: 'sieve-failed' });
    expect(JSON.stringify(logged)).not.toContain('boss');
  });

  it('keeps a duplicate once (RFC 7352), and tells two at the same instant apart', async () => {
    await store.useScript(
      CAROL,
      'require ["duplicate", "fileinto"]; if duplicate :header "X-Id" { fileinto "Trash"; }',
    );
    const letter = { to: CAROL, fields: ['X-Id: 7'], subject: 'again' };
    await store.deliver(letter);
    await store.deliver(letter);
    await store.deliver({ ...letter, fields: ['X-Id: 8'] });
    expect((await store.mailbox(CAROL, 'INBOX')).filter((each) => each.subject === 'again')).toHaveLength(2);
    expect(await store.mailbox(CAROL, 'Trash')).toHaveLength(1);
    // On eight connections at once; the first of them is new, whichever that is.
    const text = letterText({ ...letter, subject: 'crowd', fields: ['X-Id: 9'] });
    const connections = await Promise.all(Array.from({ length: 8 }, () => store.connect()));
    await Promise.all(connections.map((each) => each.deliverText(CAROL, text)));
    for (const each of connections) each.close();
    expect((await store.mailbox(CAROL, 'INBOX')).filter((each) => each.subject === 'crowd')).toHaveLength(1);
    expect((await store.mailbox(CAROL, 'Trash')).filter((each) => each.subject === 'crowd')).toHaveLength(7);
  });
});

describe('what a delivery causes', () => {
  it('redirects the bytes as they came, under the sender, and not in a circle (RFC 5228 §4.2)', async () => {
    await store.useScript(ALICE, 'require "copy"; redirect :copy "phone@outside.example";');
    await store.newOutgoing(ALICE);
    await store.deliver({ to: ALICE, subject: 'on the road', fields: ['X-Odd:   kept  as it is'] });
    const [sent] = await store.newOutgoing(ALICE);
    expect(sent).toMatchObject({ cause: 'redirect', from: 'ann@a.example', to: ['phone@outside.example'] });
    expect(sent?.content).toMatch(/^Delivered-To: user1@domain1\.example\r\nReceived: /);
    expect(sent?.content).toContain('\r\nX-Odd:   kept  as it is\r\n');
    expect(sent?.content).not.toContain('Return-Path');
    await store.deliver({ to: ALICE, subject: 'round', fields: [`Delivered-To: ${ALICE}`] });
    expect(await store.newOutgoing(ALICE)).toEqual([]);
    expect((await store.mailbox(ALICE, 'INBOX')).some((each) => each.subject === 'round')).toBe(true);
  });

  it('answers for a user who is away: once a sender, never to lists, robots or the null sender (RFC 5230, RFC 3834)', async () => {
    await store.useScript(
      BOB,
      `require "vacation"; vacation :days 3 :subject "Bin weg – Grüße" :addresses "bob@other.example" "Ich bin verreist.";`,
    );
    await store.newOutgoing(BOB);
    await store.deliver({ to: BOB, subject: 'hello', fields: ['References: <x@y>'] });
    await store.deliver({ to: BOB, subject: 'hello again' });
    await store.deliver({ to: BOB, from: '' });
    await store.deliver({ to: BOB, from: 'news-request@a.example' });
    await store.deliver({ to: BOB, from: 'b@a.example', fields: ['List-Id: <dev.a.example>'] });
    await store.deliver({ to: BOB, from: 'c@a.example', fields: ['Auto-Submitted: auto-replied'] });
    await store.deliver({ to: BOB, from: 'd@a.example', fields: ['Precedence: bulk'] });
    await store.deliver({ to: BOB, from: BOB });
    await store.deliver({ to: BOB, from: 'e@a.example', parameters: ' XPLACEMENT=JUNK' });
    const sent = await store.newOutgoing(BOB);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ cause: 'vacation', from: '', to: ['ann@a.example'] });
    const content = sent[0]?.content ?? '';
    expect(content).toMatch(/^From: <user2@domain1\.example>\r\nTo: <ann@a\.example>\r\nSubject: =\?utf-8\?B\?/);
    expect(content).toMatch(
      /\r\nIn-Reply-To: <[0-9a-f]{32}@a\.example>\r\nReferences: <x@y> <[0-9a-f]{32}@a\.example>\r\n/,
    );
    expect(content).toMatch(/\r\nAuto-Submitted: auto-replied/);
    expect(content).toContain('\r\n\r\nIch bin verreist.\r\n');
    // Nobody is answered who wrote to somebody else alone; an address of the user's own counts.
    await store.deliver({ to: BOB, from: 'f@a.example', fields: ['X: y'], subject: 'as Cc' });
    expect(await store.newOutgoing(BOB)).toHaveLength(1);
  });

  it('answers by the settings of a user who writes no Sieve, beside a script of theirs', async () => {
    const { id } = await store.account(CAROL);
    await store.useScript(
      CAROL,
      'require "fileinto"; if header :contains "subject" "bill" { fileinto "Archive"; } elsif header :contains "subject" "spam" { discard; }',
    );
    const setting = { enabled: true, text: 'Away "until" Monday.', from: '2020-01-01', addresses: [], days: 1 };
    await store.mailstore.scripts.setVacation(id, Buffer.from(JSON.stringify(setting)));
    await store.newOutgoing(CAROL);
    await store.deliver({ to: CAROL, subject: 'spam', from: 'g@a.example' });
    await store.deliver({ to: CAROL, subject: 'bill', from: 'h@a.example' });
    await store.mailstore.scripts.setVacation(id, Buffer.from(JSON.stringify({ ...setting, to: '2020-02-01' })));
    await store.deliver({ to: CAROL, subject: 'bill', from: 'i@a.example' });
    const sent = await store.newOutgoing(CAROL);
    expect(sent.map((each) => each.to)).toEqual([['h@a.example']]);
    expect(sent[0]?.content).toContain('Away "until" Monday.');
    expect((await store.mailbox(CAROL, 'Archive')).map((each) => each.subject)).toEqual(['bill', 'bill']);
  });

  it('notifies by mail (RFC 5436)', async () => {
    await store.useScript(
      ALICE,
      'require "enotify"; notify :importance "1" :message "You have mail" "mailto:sms@phone.example?body=Look";',
    );
    await store.newOutgoing(ALICE);
    await store.deliver({ to: ALICE });
    const [sent] = await store.newOutgoing(ALICE);
    expect(sent).toMatchObject({ cause: 'notify', from: ALICE, to: ['sms@phone.example'] });
    expect(sent?.content).toContain(`Auto-Submitted: auto-notified; owner-email="${ALICE}"`);
    expect(sent?.content).toContain('Subject: You have mail');
    expect(sent?.content).toContain('\r\n\r\nLook\r\n');
  });

  it('is there once, however often the store is killed and the delivery repeated', async () => {
    const dave = 'user4@domain2.example';
    await store.useScript(
      dave,
      'require ["copy", "vacation", "fileinto"]; redirect :copy "x@outside.example"; vacation "Away."; fileinto :copy "Archive";',
    );
    const ids = Array.from({ length: KILLS }, () => newDeliveryId());
    for (const [n, id] of ids.entries()) {
      const letter = { to: dave, id, from: `s${n}@a.example`, subject: `number ${n}` };
      const first = store.deliver(letter).catch((fault: Error) => fault.message);
      // Killed somewhere between the first command and the reply.
      await new Promise<void>((done) => setTimeout(done, 5 + n * 7));
      await store.kill();
      await first;
      await store.restart();
      expect(await store.deliver(letter)).toMatch(/^250/);
      expect(await store.deliver(letter)).toMatch(/^250/);
    }
    const subjects = ids.map((_, n) => `number ${n}`);
    expect((await store.mailbox(dave, 'INBOX')).map((each) => each.subject)).toEqual(subjects);
    expect((await store.mailbox(dave, 'Archive')).map((each) => each.subject)).toEqual(subjects);
    const sent = await store.newOutgoing(dave);
    expect(sent.map((each) => each.cause).sort()).toEqual([
      ...subjects.map(() => 'redirect'),
      ...subjects.map(() => 'vacation'),
    ]);
    expect(
      sent
        .filter((each) => each.cause === 'vacation')
        .map((each) => each.to[0])
        .sort(),
    ).toEqual(ids.map((_, n) => `s${n}@a.example`));
  });
});
