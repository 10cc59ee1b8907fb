import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type HubStack, startHubStack } from '../support/hub.ts';
import { openLmtp } from '../support/lmtp-dialogue.ts';
import { mustRun } from '../support/program.ts';
import { expectArrival, LETTERS, letterText, recipientsOf, SENDER } from './submitted-letter.ts';

const FAR = 'friend@far.example';

let stack: HubStack;

beforeAll(async () => {
  stack = await startHubStack({
    hub: {
      submission: {
        listen: { address: '127.0.0.1', port: 0 },
        listenTls: { address: '127.0.0.1', port: 0 },
      },
      intranet: { listen: { address: '127.0.0.1', port: 0 }, networks: ['127.0.0.0/8'] },
      delegates: { 'user3@domain1.example': ['user2@domain1.example'] },
      hideClientAddress: true,
      limits: { messagesPerDay: 60 },
    },
  });
});

afterAll(async () => {
  await stack?.stop();
});

describe.each(LETTERS)('submission to %s, with Bcc, by programs that others wrote', (form, addressed) => {
  const recipients = recipientsOf(addressed);

  it('takes a message of nodemailer', async () => {
    const subject = `by nodemailer to ${form}`;
    const raw = letterText(addressed, subject);
    const { response } = await stack.mailer(SENDER).sendMail({ envelope: { from: SENDER, to: recipients }, raw });
    const [, id] = /^250 2\.0\.0 Queued as ([0-9a-f]{32})$/.exec(response ?? '') ?? [];
    await expectArrival(stack, addressed, subject);
    // By the header's id a trace joins all hops.
    const { messageId } = await stack.store.logged({ event: 'accepted', deliveryId: id });
    for (const to of recipients) await stack.store.logged({ event: 'delivered', messageId, to });
  });

  it('takes one of swaks, by TLS from the first octet', async () => {
    const subject = `by swaks to ${form}`;
    await mustRun('swaks', [
      ...['--server', '127.0.0.1', '--port', String(stack.store.ready.submissions), '--tls-on-connect'],
      ...['--auth', 'LOGIN', '--auth-user', SENDER, '--auth-password', 'user1'],
      ...['--from', SENDER, '--to', recipients.join(','), '--data', letterText(addressed, subject)],
    ]);
    await expectArrival(stack, addressed, subject);
  });

  it('takes one of msmtp, which takes Bcc from the header', async () => {
    const subject = `by msmtp to ${form}`;
    const folder = mkdtempSync(join(tmpdir(), 'postern-msmtp-'));
    try {
      const config = join(folder, 'msmtprc');
      const settings = [
        'account default',
        'host 127.0.0.1',
        `port ${stack.store.ready.submission}`,
        'tls on',
        'tls_starttls on',
        `tls_trust_file ${stack.pki.ca}`,
        'auth plain',
        `user ${SENDER}`,
        'password user1',
        `from ${SENDER}`,
        // The hub has to do without its help.
        'remove_bcc_headers off',
        'set_date_header off',
        'set_msgid_header off',
      ];
      writeFileSync(config, `${settings.join('\n')}\n`, { mode: 0o600 });
      await mustRun('msmtp', ['--file', config, '-t'], {
        input: letterText(addressed, subject).replaceAll('\r\n', '\n'),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    await expectArrival(stack, addressed, subject);
  });
});

it('what was submitted goes on octet for octet behind a Received field that tells nothing of the client', async () => {
  const raw = letterText({ to: [FAR], bcc: ['secret@far.example'] }, 'as it was');
  await stack.mailer(SENDER).sendMail({ envelope: { from: SENDER, to: FAR }, raw });
  const { content } = await stack.relay.next((message) => message.content.includes('Subject: as it was'));
  expect(content).toMatch(/^Received: from hidden\.invalid \(\[0\.0\.0\.0\]\)\r\n\tby store\.example with ESMTPSA id/);
  expect(content).not.toContain('127.0.0.1');
  expect(content).toContain(raw.replace(/Bcc: .*\r\n/, ''));
});

describe('who may send as whom', () => {
  const send = (user: string, from: string, header = from, to = 'user1@domain1.example') =>
    stack.mailer(user).sendMail({
      envelope: { from, to },
      raw: `From: <${header}>\r\nTo: ${to}\r\nSubject: as ${header}\r\n\r\nHello\r\n`,
    });

  it('refuses what does not fit into a mailbox while its sender listens', async () => {
    const envelope = { from: 'user2@domain1.example', to: 'small@domain2.example', size: 300_000 };
    const mail = { envelope, raw: `From: <${envelope.from}>\r\nSubject: large\r\n\r\nHello\r\n` };
    await expect(stack.mailer(envelope.from).sendMail(mail)).rejects.toThrow(/552 5\.2\.2/);
    const small = { ...mail, envelope: { ...envelope, size: 1_000 } };
    expect((await stack.mailer(envelope.from).sendMail(small)).response).toMatch(/^250 /);
  });

  it('refuses another one’s address with 553, in the envelope and in From', async () => {
    const mine = 'user2@domain1.example';
    await expect(send(mine, 'user1@domain1.example')).rejects.toThrow(/553 5\.7\.1/);
    await expect(send(mine, mine, 'user1@domain1.example')).rejects.toThrow(/553 5\.7\.1 The address in From/);
    await expect(send(mine, 'boss@bank.example')).rejects.toThrow(/553 5\.7\.1/);
    await stack.store.logged({ event: 'refused', stage: 'mail', service: 'submission', from: 'boss@bank.example' });
  });

  it('takes the own address with a tag, aliases that lead to the user, and what was delegated', async () => {
    await send('user2@domain1.example', 'User2+tag@domain1.example');
    await send('user1@domain1.example', 'info@domain1.example', 'team@domain1.example');
    await send('user2@domain1.example', 'user3@domain1.example');
    await expect(send('user1@domain1.example', 'user3@domain1.example')).rejects.toThrow(/553/);
  });

  it('takes what the directory delegates, from when it does', async () => {
    const [mine, office] = ['user2@domain1.example', 'user4@domain2.example'];
    await expect(send(mine, office)).rejects.toThrow(/553/);
    await stack.slapd.modify(
      [
        `dn: mail=${office},jvd=domain2.example,o=hosting,dc=myhosting,dc=example`,
        'changetype: modify',
        'add: objectClass',
        'objectClass: posternDelegation',
        '-',
        'add: delegateSender',
        'delegateSender: User2@domain1.example',
        '',
      ].join('\n'),
    );
    // What is known of an entry is known for five seconds.
    await eventually(() => send(mine, office).catch(() => undefined));
    await expect(send('user3@domain1.example', office)).rejects.toThrow(/553/);
  });

  it('wants to know who sends, inside TLS', async () => {
    const nobody = stack.mailer('user1@domain1.example', { auth: undefined });
    const mail = { envelope: { from: 'user1@domain1.example', to: FAR }, raw: 'From: user1@domain1.example\r\n\r\nx' };
    await expect(nobody.sendMail(mail)).rejects.toThrow(/530 5\.7\.0/);
    const wrong = stack.mailer('user1@domain1.example', { auth: { user: 'user1@domain1.example', pass: 'wrong' } });
    await expect(wrong.sendMail(mail)).rejects.toThrow(/535 5\.7\.8/);
    const clear = stack.mailer('user1@domain1.example', { requireTLS: false, ignoreTLS: true });
    await expect(clear.sendMail(mail)).rejects.toThrow();
    const service = stack.mailer('poponly@domain1.example', {
      auth: { user: 'poponly@domain1.example', pass: 'poponly' },
    });
    await expect(service.sendMail(mail)).rejects.toThrow(/535/);
  });

  it('refuses recipients of ours that are not there, and expands aliases', async () => {
    await expect(
      send('user1@domain1.example', 'user1@domain1.example', undefined, 'nobody-at-all@domain1.example'),
    ).rejects.toThrow(/550 5\.1\.1/);
    const raw = 'From: user1@domain1.example\r\nSubject: to both\r\n\r\nx\r\n';
    const to = ['both@domain1.example', 'user2@domain1.example', 'someone@elsewhere.example'];
    await stack.mailer('user1@domain1.example').sendMail({ envelope: { from: 'user1@domain1.example', to }, raw });
    await stack.relay.next(({ content }) => content.includes('Subject: to both'));
    await stack.arrived('user2@domain1.example', 'Subject: to both');
    const twice = (await stack.read('user2@domain1.example')).filter((source) => source.includes('Subject: to both'));
    expect(twice).toHaveLength(1);
    expect(stack.relay.messages.filter(({ content }) => content.includes('Subject: to both'))).toHaveLength(1);
  });
});

describe('what comes back', () => {
  const from = 'user1@domain1.example';
  const raw = (subject: string) => `From: ${from}\r\nSubject: ${subject}\r\n\r\nx\r\n`;

  it('tells a failure in the remote server’s own words, and says nothing where NOTIFY=NEVER', async () => {
    stack.relay.refuse = (address) =>
      address.startsWith('gone') ? reply(550, '5.1.1', 'Nobody of that name in the whole town') : undefined;
    const mailer = stack.mailer(from);
    const dsn = { id: 'envelope 1', return: 'full', notify: 'failure', recipient: 'gone@far.example' } as const;
    await mailer.sendMail({ envelope: { from, to: ['gone@far.example', FAR] }, raw: raw('half refused'), dsn });
    const notice = await stack.arrived(from, 'Nobody of that name in the whole town');
    expect(notice).toMatch(/^Return-Path: <>\r\n/);
    expect(notice).toContain('Final-Recipient: rfc822; gone@far.example');
    expect(notice).not.toContain(`Final-Recipient: rfc822; ${FAR}`);
    expect(notice).toContain('Original-Envelope-Id: envelope 1');
    expect(notice).toContain('Auto-Submitted: auto-replied');
    expect(notice).toContain('Subject: half refused');
    const relayed = await stack.relay.next(({ content }) => content.includes('Subject: half refused'));
    expect(relayed.envelope).toMatchObject({ ret: 'FULL', envid: 'envelope 1' });

    const never = { id: '2', return: 'headers', notify: 'never', recipient: 'gone@far.example' } as const;
    await mailer.sendMail({ envelope: { from, to: 'gone@far.example' }, raw: raw('in silence'), dsn: never });
    const log = await stack.store.logged({ event: 'bounced', to: 'gone@far.example' });
    expect(log).toMatchObject({ dsn: true, reply: expect.stringContaining('in the whole town') });
    await stack.store.logged({ event: 'bounced', dsn: false });
    await mailer.sendMail({ envelope: { from, to: from }, raw: raw('after the silence') });
    await stack.arrived(from, 'Subject: after the silence');
    expect((await stack.read(from)).filter((source) => source.includes('Subject: in silence'))).toEqual([]);
  });

  it('confirms a delivery here when that is asked for, and the expansion of an alias', async () => {
    const dsn = { id: '3', return: 'headers', notify: 'success', recipient: 'user2@domain1.example' } as const;
    await stack.mailer(from).sendMail({
      envelope: { from, to: ['user2@domain1.example', 'team@domain1.example'] },
      raw: raw('confirmed'),
      dsn,
    });
    const notice = await stack.arrived(from, 'Action: delivered');
    expect(notice).toContain('Final-Recipient: rfc822; user2@domain1.example');
    const expanded = await stack.arrived(from, 'Action: expanded');
    expect(expanded).toContain('team@domain1.example');
  });
});

describe('release times, limits, servers inside', () => {
  const from = 'user3@domain1.example';
  const raw = (subject: string) => `From: ${from}\r\nSubject: ${subject}\r\n\r\nx\r\n`;

  it('holds a message until its time, and lets its sender undo it (RFC 4865)', async () => {
    const said = await mustRun('swaks', [
      ...['--server', '127.0.0.1', '--port', String(stack.store.ready.submissions), '--tls-on-connect'],
      ...['--auth', 'PLAIN', '--auth-user', from, '--auth-password', 'user3', '--quit-after', 'AUTH'],
    ]);
    expect(said).toMatch(/FUTURERELEASE 2592000 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
    const smtp = await openLmtp({ port: stack.store.ready.submissions as number, ca: stack.pki.ca });
    await smtp.say('EHLO client.example');
    expect(await smtp.say(`AUTH PLAIN ${Buffer.from(`\0${from}\0user3`).toString('base64')}`)).toMatch(/^235/);
    expect(await smtp.say(`MAIL FROM:<${from}> HOLDFOR=99999999`)).toMatch(/^501 5\.5\.4/);
    expect(await smtp.say(`MAIL FROM:<${from}> HOLDFOR=3600`)).toMatch(/^250/);
    expect(await smtp.say('RCPT TO:<user2@domain1.example>')).toMatch(/^250/);
    const [queued = ''] = await smtp.data(raw('tomorrow'), 1);
    const id = /Queued as ([0-9a-f]{32})/.exec(queued)?.[1] ?? '';
    smtp.close();
    const entry = `/private/vendor/postern/submission/smtp-${id}`;
    const imap = await stack.dialogue(from);
    expect(await imap.command(`GETMETADATA "" (${entry})`)).toMatch(/\\"state\\":\\"pending\\"/);
    expect(await imap.command(`SETMETADATA "" (${entry} NIL)`)).toMatch(/TAG OK/);
    expect(await imap.command(`GETMETADATA "" (${entry})`)).toMatch(/\\"state\\":\\"cancelled\\"/);
    imap.close();
    const config = ['--config', stack.store.configFile];
    const shown = await mustRun(process.execPath, ['store/cli/postern-store.ts', 'outgoing', 'show', id, ...config]);
    expect(JSON.parse(shown)).toMatchObject({ id, state: 'cancelled', from, recipients: [{ state: 'cancelled' }] });
    const listed = await mustRun(process.execPath, ['store/cli/postern-store.ts', 'outgoing', 'list', ...config]);
    expect(listed).not.toContain(id);
  });

  it('defers a sender over the limit, and the administrator sees why', async () => {
    const mailer = stack.mailer(from, { pool: true, maxConnections: 4, maxMessages: 1_000 });
    const results = await Promise.allSettled(
      Array.from({ length: 70 }, (_, n) =>
        mailer.sendMail({ envelope: { from, to: 'user3@domain1.example' }, raw: raw(`flood ${n}`) }),
      ),
    );
    mailer.close();
    const taken = results.filter(({ status }) => status === 'fulfilled').length;
    const refused = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(taken).toBeLessThanOrEqual(60);
    expect(taken).toBeGreaterThan(50);
    expect(String(refused.reason)).toMatch(/450 4\.7\.1 You have sent too much/);
    await stack.store.logged({ event: 'sending-limit-reached', sender: from, limit: 'messagesPerDay' });
  });

  it('takes mail of servers of named networks without signing in, for senders of ours', async () => {
    const swaks = (sender: string) =>
      mustRun('swaks', [
        ...['--server', '127.0.0.1', '--port', String(stack.store.ready.hub), '--from', sender],
        ...['--to', `user2@domain1.example,${FAR}`, '--header', `Subject: from a server as ${sender}`],
      ]);
    await swaks('printer@domain1.example');
    await stack.arrived('user2@domain1.example', 'Subject: from a server as printer@domain1.example');
    await stack.relay.next(({ content }) => content.includes('from a server as printer'));
    await expect(swaks('printer@else.example')).rejects.toThrow(/553 5\.7\.1/);
  });
});
