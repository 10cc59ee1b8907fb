import { once } from 'node:events';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import { eventually, replyToRecipient, sendOctets, signInByImap, smallMessage } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { ConsoleBrowser, type ConsolePage, NARROW } from './console-browser.ts';

/**
 * One story in Debian's Chromium, before a whole stack with a real slapd: what an administrator, a postmaster and a user do in the console, and what
 * becomes of mail and sessions by it. Pictures go to test/console/screenshots.
 */
const SITE = 'siteadmin@domain2.example';
const BOSS = 'boss@story.example';
const ANN = 'ann@story.example';
const QUARANTINE = 'user5@domain2.example';
const DEADLINE_MS = 60_000;

let stack: TestStack;
let browser: ConsoleBrowser;
/** What comes to the Internet: recipients and content. */
const sent: { to: string[]; content: string }[] = [];
let world: SMTPServer;

beforeAll(async () => {
  // Shorter than in production, so that nobody waits; what is waited for is the same.
  const directory = { foundTtlMs: 1_000, notFoundTtlMs: 500 };
  stack = await startStack({
    relay: (settings) => ({
      ...settings,
      directory: { ...settings.directory, ...directory },
      content: { attachments: { names: ['*.exe'], onFound: 'quarantine' }, quarantineAddress: QUARANTINE },
    }),
    store: (settings) => ({
      ...settings,
      directory: { ...settings.directory, ...directory },
      signInRecheckMs: 2_000,
      ...(settings.console === undefined ? {} : { console: { ...settings.console, quarantineAddress: QUARANTINE } }),
    }),
  });
  world = new SMTPServer({
    authOptional: true,
    onData(stream, session, done) {
      let content = '';
      stream.on('data', (chunk: Buffer) => {
        content += chunk.toString();
      });
      stream.on('end', () => {
        sent.push({ to: session.envelope.rcptTo.map(({ address }) => address), content });
        done();
      });
    },
  });
  world.listen(stack.endpoints.world.port, stack.endpoints.world.host);
  await once(world.server, 'listening');
  const { host, port } = stack.endpoints.console;
  browser = await ConsoleBrowser.start(`https://${host}:${port}`);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  world?.close();
  await stack?.stop();
});

/** What the gateway answers to RCPT, once it is the wanted answer. */
const answerBecomes = async (wanted: RegExp): Promise<void> => {
  const reply = await eventually(
    () => replyToRecipient(stack, ANN),
    (answer) => wanted.test(answer),
    DEADLINE_MS,
  );
  expect(reply).toMatch(wanted);
};

async function idling(password: string): Promise<ImapDialogue> {
  const { host, port } = stack.endpoints.imap;
  const imap = await connectImap(port, { host });
  expect(await imap.command(`LOGIN ${ANN} "${password}"`)).toContain('TAG OK');
  await imap.command('SELECT INBOX');
  imap.send('x IDLE\r\n');
  await imap.until(/^\+ /m);
  return imap;
}

let bossPassword = '';
let annPassword = '';
let boss: ConsolePage;

test('a site administrator sets up a domain and its postmaster', async () => {
  const site = await browser.open();
  await site.signIn(SITE);
  await site.goTo('Domains');
  await site.button('New domain').click();
  await site.page.getByLabel('Domain').last().fill('story.example');
  await site.page.getByLabel('Postmaster').fill(BOSS);
  await site.looksRight('new-domain');
  await site.button('Create').click();
  await site.page.getByRole('heading', { name: 'story.example', level: 1 }).waitFor();
  await site.page.getByText('v=spf1 mx -all').waitFor();
  await site.looksRight('domain');
  bossPassword = await site.makeAccount(BOSS, 'The Boss');
  await site.close();
});

test('the postmaster adds an account, who signs in to IMAP, and an alias', async () => {
  boss = await browser.open();
  await boss.signIn(BOSS, bossPassword);
  const first = await boss.makeAccount(ANN, 'Ann <script>alert(1)</script>');
  await boss.goTo('Aliases');
  await boss.button('New alias').click();
  await boss.page.getByLabel('Address').fill('sales@story.example');
  await boss.page.getByLabel('Targets').fill(`${ANN}\nsomeone@elsewhere.example`);
  await boss.button('Create').click();
  await boss.page.getByText(`${ANN}, someone@elsewhere.example`).waitFor();
  await boss.looksRight('aliases');
  const imap = await eventually(
    () => signInByImap(stack, ANN, first).catch(() => undefined),
    (client) => client !== undefined,
    DEADLINE_MS,
  );
  expect(imap?.usable).toBe(true);
  imap?.close();
  annPassword = first;
});

test('the user changes the password, on a telephone; the old one opens nothing', async () => {
  const ann = await browser.open({ viewport: NARROW, colorScheme: 'dark' });
  await ann.signIn(ANN, annPassword);
  await ann.page.getByRole('heading', { name: 'App passwords' }).waitFor();
  await ann.looksRight('self-narrow-dark');
  const change = ann.card('Change password');
  await change.getByLabel('Old password').fill(annPassword);
  await change.getByLabel('New password').fill('a longer new secret');
  await change.getByRole('button', { name: 'Change password' }).click();
  await ann.button('Sign in').waitFor();
  await expect(signInByImap(stack, ANN, annPassword)).rejects.toThrow();
  annPassword = 'a longer new secret';
  await ann.signIn(ANN, annPassword);
  (await signInByImap(stack, ANN, annPassword)).close();
  await ann.close();
});

test('the user sets a forward and an answer while away: a message is forwarded, answered and kept', async () => {
  const ann = await browser.open();
  await ann.signIn(ANN, annPassword);
  const forwards = ann.card('Forwards');
  await forwards.getByLabel('Forwards').fill('ann@home.example');
  await forwards.getByLabel('Password').fill(annPassword);
  await forwards.getByRole('button', { name: 'Save' }).click();
  await ann.told('Saved');
  const away = ann.card('Answer while away');
  await away.getByLabel('Answer mail by itself').check();
  await away.getByLabel('Subject').fill('Away');
  await away.getByLabel('Text').fill('I am at the sea.');
  await away.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => away.getByLabel('Text').inputValue()).toBe('I am at the sea.');
  await ann.looksRight('self');
  await ann.close();
  // The store may know the entry as it was for a second.
  const forwarded = await eventually(
    async () => {
      const mark = `story-${Date.now()}`;
      const message = smallMessage(mark).toString().replace('someone@domain1.example', ANN);
      await sendOctets(stack, [ANN], Buffer.from(message));
      return eventually(
        async () => sent.find(({ to, content }) => to.includes('ann@home.example') && content.includes(mark)),
        (found) => found !== undefined,
        5_000,
      );
    },
    (found) => found !== undefined,
    DEADLINE_MS,
  );
  expect(forwarded?.content).toContain('Text of story-');
  const answer = await eventually(
    async () => sent.find(({ to }) => to.includes('sender@elsewhere.example')),
    (found) => found !== undefined,
    DEADLINE_MS,
  );
  expect(answer?.content).toContain('I am at the sea.');
  const imap = await signInByImap(stack, ANN, annPassword);
  await imap.mailboxOpen('INBOX');
  expect(await imap.search({ subject: 'story-' })).not.toEqual([]);
  imap.close();
});

test('the account is suspended: SMTP answers 550, an IMAP session ends, the console too; restored, it is as before', async () => {
  const ann = await browser.open();
  await ann.signIn(ANN, annPassword);
  const imap = await idling(annPassword);
  await boss.goTo('Accounts');
  await boss.page.getByRole('link', { name: ANN }).click();
  await boss.page.getByRole('heading', { name: ANN, level: 1 }).waitFor();
  await boss.page.getByText('sales@story.example').waitFor();
  expect(await boss.page.getByLabel('Name').inputValue()).toBe('Ann <script>alert(1)</script>');
  await boss.looksRight('account');
  await boss.button('Suspend').click();
  await boss.page.getByText('suspended').waitFor();
  expect(await imap.closed()).toContain('BYE [EXPIRED]');
  await answerBecomes(/^550 5\.2\.1 /);
  await eventually(
    async () => {
      await ann.page.reload();
      await ann.page.locator('#content, .sign-in').first().waitFor();
      return ann.button('Sign in').isVisible();
    },
    (out) => out,
    DEADLINE_MS,
  );
  await expect(signInByImap(stack, ANN, annPassword)).rejects.toThrow();
  await boss.button('Restore').click();
  await boss.page.locator('.page-head').getByText('active', { exact: true }).waitFor();
  await answerBecomes(/^250 /);
  (await signInByImap(stack, ANN, annPassword)).close();
  await ann.close();
});

test('the account is deleted, brought back, deleted again and purged; the log tells it all', async () => {
  await boss.button('Delete').click();
  await boss.page.getByText('What else does this break?').waitFor();
  await boss.looksRight('delete');
  await boss.inDialog('Delete').click();
  await boss.page.getByText('to be deleted').waitFor();
  await answerBecomes(/^550 /);
  await boss.button('Undo deletion').click();
  await boss.page.locator('.page-head').getByText('active', { exact: true }).waitFor();
  await answerBecomes(/^250 /);
  await boss.button('Delete').click();
  await boss.inDialog('Delete').click();
  await boss.button('Purge for good').click();
  await boss.page.getByLabel('Write the address to confirm').fill('somebody@else.example');
  await boss.inDialog('Purge for good').click();
  await boss.page.getByText('This is another name').waitFor();
  await boss.page.getByLabel('Write the address to confirm').fill(ANN);
  await boss.page.getByLabel('Even though it could still be undone').check();
  await boss.looksRight('purge');
  await boss.inDialog('Purge for good').click();
  await boss.told(/Removed: accounts 1, messages [1-9]/);
  await answerBecomes(/^550 5\.1\.1 /);
  await boss.goTo('Log');
  for (const action of ['account created', 'account purged', 'deletion of the account undone'])
    await boss.page.getByText(action).first().waitFor();
  await boss.looksRight('log');
  await boss.close();
});

test('an administrator looks at queues, certificates and the way of a message, and lets one out of quarantine', async () => {
  const site = await browser.open();
  await site.signIn(SITE);
  const transport = createTransport({
    host: stack.endpoints.smtp.host,
    port: stack.endpoints.smtp.port,
    ignoreTLS: true,
  });
  await transport.sendMail({
    from: 'Friend <friend@elsewhere.example>',
    to: 'user2@domain1.example',
    subject: 'A program for you',
    messageId: '<program@elsewhere.example>',
    text: 'See the program.',
    attachments: [{ filename: 'game.exe', content: 'MZ' }],
  });
  await site.goTo('Operation');
  await site
    .card('Certificates')
    .getByText(/\d+ days left/)
    .first()
    .waitFor();
  const quarantine = site.card('Quarantine');
  await quarantine.getByText('A program for you').waitFor();
  await quarantine.getByText('user2@domain1.example').waitFor();
  const trace = site.card('Trace of a message');
  await trace.getByLabel('Message-ID, address or id').fill('program@elsewhere.example');
  await trace.getByRole('button', { name: 'Search' }).click();
  await trace.getByText('relay', { exact: true }).first().waitFor();
  await trace.getByText('store', { exact: true }).first().waitFor();
  await site.looksRight('operation');
  await quarantine.getByRole('button', { name: 'Release' }).click();
  await quarantine.getByText('Empty').waitFor();
  const imap = await signInByImap(stack, 'user2@domain1.example');
  const found = await eventually(
    async () => {
      await imap.mailboxOpen('INBOX');
      const uids = await imap.search({ subject: 'A program for you' });
      return uids === false ? [] : (uids ?? []);
    },
    (uids) => uids.length > 0,
    DEADLINE_MS,
  );
  const message = await imap.fetchOne(String(found[0]), { source: true });
  const source = message ? (message.source?.toString() ?? '') : '';
  expect(source).toContain('game.exe');
  expect(source).not.toContain('X-Postern-Quarantine');
  imap.close();
  await site.close();
});

test('no script of ours failed on the way', () => {
  expect(browser.errors).toEqual([]);
});
