import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SubmissionRequest, SubmissionState } from '@postern/shared/settings/submission.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type HubStack, startHubStack } from '../support/hub.ts';
import type { ImapDialogue } from '../support/imap-dialogue.ts';
import { mustRun } from '../support/program.ts';
import { expectArrival, LETTERS, letterText, recipientsOf } from './submitted-letter.ts';

const ME = 'user1@domain1.example';
const ENTRIES = '/private/vendor/postern/submission';

let stack: HubStack;

beforeAll(async () => {
  stack = await startHubStack({ queue: { delayWarningMs: 400, lifetimeMs: 8_000 } });
});

afterAll(async () => {
  await stack?.stop();
});

function letter(subject: string, from = ME): string {
  return [
    `From: ${from}`,
    'To: user2@domain1.example',
    'Bcc: secret@far.example',
    `Subject: ${subject}`,
    '',
    'Hello',
    '',
  ].join('\r\n');
}

/** A client with an Outbox of its own. */
class Client {
  readonly imap: ImapDialogue;

  constructor(imap: ImapDialogue) {
    this.imap = imap;
  }

  static async of(user: string): Promise<Client> {
    const client = new Client(await stack.dialogue(user));
    await client.imap.command('CREATE Outbox');
    return client;
  }

  /** APPENDUID of a message, or what was said instead. */
  async append(text: string, mailbox = 'Outbox'): Promise<{ uidValidity: number; uid: number; said: string }> {
    const said = await this.imap.command(`APPEND ${mailbox} (\\Seen) {${text.length}+}\r\n${text}`);
    const [, uidValidity, uid] = /APPENDUID (\d+) (\d+)/.exec(said) ?? [];
    return { uidValidity: Number(uidValidity), uid: Number(uid), said };
  }

  submit(id: string, request: SubmissionRequest): Promise<string> {
    const value = JSON.stringify(request);
    return this.imap.command(`SETMETADATA "" (${ENTRIES}/${id} {${value.length}+}\r\n${value})`);
  }

  async state(id: string): Promise<SubmissionState> {
    const said = await this.imap.command(`GETMETADATA "" (${ENTRIES}/${id})`);
    // A quoted string or a literal.
    const text = said.replace(/\\(.)/g, '$1');
    return JSON.parse(text.slice(text.indexOf('{"state"'), text.lastIndexOf('}') + 1)) as SubmissionState;
  }

  /** Messages in a mailbox of the user. */
  async count(mailbox: string): Promise<number> {
    const said = await this.imap.command(`STATUS ${mailbox} (MESSAGES)`);
    return Number(/MESSAGES (\d+)/.exec(said)?.[1]);
  }
}

const to = (...addresses: string[]) => addresses.map((address) => ({ address }));

describe('the Outbox', () => {
  it('stores by APPEND, sends by METADATA, once, and has one copy in Sent with its Bcc', async () => {
    const client = await Client.of(ME);
    const { uidValidity, uid } = await client.append(letter('by outbox'));
    const request: SubmissionRequest = {
      uidValidity,
      uid,
      envelope: { mailFrom: ME, rcptTo: to('user2@domain1.example', 'friend@far.example', 'secret@far.example') },
    };
    const answers = await Promise.all([
      client.submit('first', request),
      (await Client.of(ME)).submit('first', request),
    ]);
    for (const answer of answers) expect(answer).toMatch(/TAG OK/);
    expect(await client.submit('first', request)).toMatch(/TAG OK/);
    expect(await client.submit('first', { ...request, uid: uid + 1 })).toMatch(/TAG NO \[CANNOT\]/);

    const outside = await stack.relay.next(({ content }) => content.includes('Subject: by outbox'));
    expect(outside.envelope.recipients.map(({ address }) => address)).toEqual([
      'friend@far.example',
      'secret@far.example',
    ]);
    const inside = await stack.arrived('user2@domain1.example', 'Subject: by outbox');
    for (const source of [outside.content, inside]) {
      expect(source).not.toMatch(/^bcc:/im);
      expect(source).toMatch(/^Message-ID: </m);
      expect(source).toMatch(/^Date: /m);
    }
    const state = await eventually(async () => {
      const now = await client.state('first');
      return now.state === 'done' ? now : undefined;
    });
    expect(state).toMatchObject({
      uid,
      mailFrom: ME,
      recipients: [
        { address: 'user2@domain1.example', state: 'delivered' },
        { address: 'friend@far.example', state: 'relayed', reply: '250 2.0.0 Queued' },
        { address: 'secret@far.example', state: 'relayed' },
      ],
    });
    expect(await client.count('Outbox')).toBe(0);
    const sent = (await stack.read(ME, 'Sent')).filter((source) => source.includes('by outbox'));
    expect(sent).toEqual([letter('by outbox')]);
    expect(stack.relay.messages.filter(({ content }) => content.includes('by outbox'))).toHaveLength(1);
  });

  it.each(LETTERS)('sends to %s, with Bcc', async (form, addressed) => {
    const client = await Client.of(ME);
    const subject = `by the Outbox to ${form}`;
    const { uidValidity, uid } = await client.append(letterText(addressed, subject));
    const envelope = { mailFrom: ME, rcptTo: to(...recipientsOf(addressed)) };
    const id = `to-${form.replaceAll(' ', '-')}`;
    expect(await client.submit(id, { uidValidity, uid, envelope })).toMatch(/TAG OK/);
    await expectArrival(stack, addressed, subject);
    const sent = await stack.arrived(ME, `Subject: ${subject}\r\n`, 'Sent');
    expect(sent).toBe(letterText(addressed, subject));
  });

  it('judges as a submission does: sender, author, recipients, message', async () => {
    const client = await Client.of('user2@domain1.example');
    const mine = 'user2@domain1.example';
    const { uidValidity, uid } = await client.append(letter('judged', mine));
    const envelope = { mailFrom: mine, rcptTo: to('friend@far.example') };
    const request = { uidValidity, uid, envelope };
    const said = (id: string, change: object) => client.submit(id, { ...request, ...change });
    expect(await said('a', { envelope: { ...envelope, mailFrom: ME } })).toMatch(/TAG NO \[NOPERM\] 553 5\.7\.1/);
    expect(await said('b', { envelope: { ...envelope, rcptTo: to('none@domain1.example') } })).toMatch(
      /NO \[CANNOT\] .*550 5\.1\.1/,
    );
    expect(await said('c', { uid: 999 })).toMatch(/NO \[NONEXISTENT\]/);
    expect(await said('d', { uidValidity: 1 })).toMatch(/NO \[NONEXISTENT\]/);
    expect(await said('e', { envelope: { mailFrom: mine, rcptTo: [] } })).toMatch(/NO \[CANNOT\]/);
    const forged = await client.append(letter('forged', ME));
    expect(await said('f', { uid: forged.uid })).toMatch(/NO \[NOPERM\] 553 5\.7\.1 The address in From/);
    expect(await client.imap.command('STATUS Outbox (MESSAGES)')).toContain('MESSAGES 2');
  });

  it('is undone as long as it waits, and not any more afterwards', async () => {
    const client = await Client.of(ME);
    const { uidValidity, uid } = await client.append(letter('regretted'));
    const envelope = { mailFrom: ME, rcptTo: to('friend@far.example') };
    await client.submit('later', { uidValidity, uid, envelope, releaseAtMs: Date.now() + 3_600_000 });
    expect(await client.state('later')).toMatchObject({ state: 'pending' });
    expect(await client.imap.command(`SETMETADATA "" (${ENTRIES}/later NIL)`)).toMatch(/TAG OK/);
    expect(await client.state('later')).toMatchObject({ state: 'cancelled' });
    expect(await client.submit('later', { uidValidity, uid, envelope })).toMatch(
      /NO \[CANNOT\] This submission was undone/,
    );
    expect(await client.count('Outbox')).toBe(1);

    await client.submit('soon', { uidValidity, uid, envelope, releaseAtMs: Date.now() + 50 });
    await stack.relay.next(({ content }) => content.includes('regretted'));
    await eventually(async () => ((await client.state('soon')).state === 'done' ? true : undefined));
    expect(await client.imap.command(`SETMETADATA "" (${ENTRIES}/soon NIL)`)).toMatch(/NO \[CANNOT\] It is being sent/);
  });

  it('tells a failure in the submission’s state and by a DSN', async () => {
    stack.relay.refuse = (address) => (address.startsWith('gone') ? reply(550, '5.1.1', 'Gone for good') : undefined);
    const client = await Client.of(ME);
    const { uidValidity, uid } = await client.append(letter('to nobody'));
    await client.submit('fails', { uidValidity, uid, envelope: { mailFrom: ME, rcptTo: to('gone@far.example') } });
    const notice = await stack.arrived(ME, 'Gone for good');
    expect(notice).toContain('Final-Recipient: rfc822; gone@far.example');
    expect(await client.state('fails')).toMatchObject({
      state: 'done',
      recipients: [{ state: 'failed', reply: '550 5.1.1 Gone for good' }],
    });
  });

  it('tells of a delay once, and gives up in the end with the last words that it heard', async () => {
    const slow = 'slow@far.example';
    stack.relay.refuse = (address) => (address === slow ? reply(451, '4.2.0', 'Come back tomorrow') : undefined);
    const client = await Client.of(ME);
    const { uidValidity, uid } = await client.append(letter('patience'));
    await client.submit('waits', { uidValidity, uid, envelope: { mailFrom: ME, rcptTo: to(slow) } });
    await stack.arrived(ME, 'Action: delayed');
    expect(await client.state('waits')).toMatchObject({
      state: 'claimed',
      recipients: [{ state: 'pending', reply: '451 4.2.0 Come back tomorrow' }],
    });
    const bounce = await stack.arrived(ME, 'Delivery time expired; the last answer was: 451 4.2.0 Come back tomorrow');
    expect(bounce).toContain('Status: 5.4.7');
    expect((await stack.read(ME)).filter((source) => source.includes('Action: delayed'))).toHaveLength(1);
  });

  it('takes nothing by COPY and MOVE, and sends nothing that a program syncs into it', async () => {
    const client = await Client.of('user3@domain1.example');
    await client.append(letter('old', 'user3@domain1.example'), 'INBOX');
    await client.imap.command('SELECT INBOX');
    expect(await client.imap.command('COPY 1 Outbox')).toMatch(/NO \[CANNOT\]/);
    expect(await client.imap.command('UID MOVE 1 outbox')).toMatch(/NO \[(?:CANNOT|TRYCREATE)\]/);

    const folder = mkdtempSync(join(tmpdir(), 'postern-mbsync-'));
    try {
      for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(folder, 'Outbox', name), { recursive: true });
      for (let n = 0; n < 5; n++) {
        const text = letter(`synced ${n}`, 'user3@domain1.example').replaceAll('\r\n', '\n');
        writeFileSync(join(folder, 'Outbox', 'cur', `${1_700_000_000 + n}.${n}.host:2,S`), text);
      }
      const settings = [
        'IMAPAccount postern',
        'Host localhost',
        `Port ${stack.store.ready.imaps}`,
        'User user3@domain1.example',
        'Pass user3',
        'SSLType IMAPS',
        `CertificateFile ${stack.pki.ca}`,
        '',
        'IMAPStore far',
        'Account postern',
        '',
        'MaildirStore near',
        `Path ${folder}/`,
        '',
        'Channel out',
        'Far :far:Outbox',
        'Near :near:Outbox',
        'Sync Push',
        'Create Far',
        `SyncState ${folder}/state`,
      ];
      writeFileSync(join(folder, 'mbsyncrc'), `${settings.join('\n')}\n`);
      await mustRun('mbsync', ['-c', join(folder, 'mbsyncrc'), 'out']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(await client.count('Outbox')).toBe(5);
    // What was queued before this would have gone before it.
    const fence = await client.append(letter('the fence', 'user3@domain1.example'));
    const envelope = { mailFrom: 'user3@domain1.example', rcptTo: to('friend@far.example') };
    await client.submit('fence', { uidValidity: fence.uidValidity, uid: fence.uid, envelope });
    await stack.relay.next(({ content }) => content.includes('the fence'));
    expect(stack.relay.messages.filter(({ content }) => content.includes('Subject: synced'))).toEqual([]);
    expect(await client.count('Outbox')).toBe(5);
  });

  it('sends whatever lands there for an account that wants it so', async () => {
    const client = await Client.of('user2@domain1.example');
    const mine = 'user2@domain1.example';
    expect(await client.imap.command('SETMETADATA "" (/private/vendor/postern/outbox-sends "on")')).toMatch(/TAG OK/);
    const before = await client.count('Outbox');
    expect((await client.append(letter('landed', mine))).said).toMatch(/TAG OK/);
    const outside = await stack.relay.next(({ content }) => content.includes('Subject: landed'));
    expect(outside.envelope.recipients.map(({ address }) => address)).toEqual(['secret@far.example']);
    await stack.arrived(mine, 'Subject: landed');
    await stack.arrived(mine, 'Subject: landed', 'Sent');
    expect((await client.append(letter('refused', ME))).said).toMatch(/TAG NO \[NOPERM\] 553/);
    expect(await client.count('Outbox')).toBe(before);
    await client.imap.command('SETMETADATA "" (/private/vendor/postern/outbox-sends NIL)');
  });
});
