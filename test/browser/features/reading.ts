import { readFileSync } from 'node:fs';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, openMessage, PATIENCE, row } from '../app-under-test.ts';
import { SAMPLE_MAIL } from '../sample-mail.ts';

const USER = 'user2@domain1.example';

/** Lists, conversations, search, and what can be seen of a message. */
export function readingFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    await app.deliver(USER, SAMPLE_MAIL);
    context = await app.browser.open();
    page = await app.browser.signIn(context, USER);
    await row(page, 'Quarterly figures').waitFor();
  });
  afterAll(() => context?.close());

  const visible = async (shown: Page): Promise<Record<string, boolean>> => ({
    mailboxes: await shown.getByRole('navigation', { name: 'Mailboxes' }).isVisible(),
    list: await shown.getByRole('grid').isVisible(),
    message: await shown.getByRole('region', { name: 'The message that is open' }).isVisible(),
  });

  test('three panes where there is room, one at a time on a telephone', async () => {
    expect(await visible(page)).toEqual({ mailboxes: true, list: true, message: true });
    const phone = await app.browser.open({ width: 375, height: 740 });
    const small = await app.browser.signIn(phone, USER);
    await row(small, 'Lunch').waitFor();
    expect(await visible(small)).toEqual({ mailboxes: false, list: true, message: false });
    await openMessage(small, 'Lunch on Thursday?');
    expect(await visible(small)).toEqual({ mailboxes: false, list: false, message: true });
    await small.getByRole('button', { name: 'Back' }).click();
    await row(small, 'Lunch').waitFor();
    await small.getByRole('button', { name: 'Menu' }).click();
    await small.getByRole('link', { name: 'Trash' }).click();
    await small.getByText('Nothing here').waitFor();
    expect(await small.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(375);
    await phone.close();
  });

  test('a conversation is one row, from all mailboxes; the switch turns it off', async () => {
    await expect.poll(() => row(page, 'Offsite').count()).toBe(1);
    await row(page, 'Offsite').getByText('3', { exact: true }).waitFor();
    const imap = await app.imap(USER);
    const [first] = await app.seenByImap(USER, 'INBOX', 'Offsite');
    const lock = await imap.getMailboxLock('INBOX');
    await imap.messageMove(String(first?.uid), 'Archive', { uid: true });
    lock.release();
    await openMessage(page, 'Offsite in March: where?');
    await expect.poll(() => page.getByRole('article').count(), PATIENCE).toBe(3);
    await page.getByRole('article', { name: 'Message from Maya Lindqvist' }).getByText('we need a place').waitFor();
    const conversations = async (): Promise<void> => {
      await page.getByRole('button', { name: /^Account: / }).click();
      await page.getByRole('menuitemcheckbox', { name: 'Group by conversation' }).click();
    };
    await conversations();
    await expect.poll(() => row(page, 'Offsite').count(), PATIENCE).toBe(2);
    await expect.poll(() => page.getByRole('article').count(), PATIENCE).toBe(1);
    await conversations();
    await expect.poll(() => row(page, 'Offsite').count(), PATIENCE).toBe(1);
  });

  test('search goes through all mailboxes; chips narrow it down and are taken away', async () => {
    const search = page.getByRole('searchbox', { name: 'Search' });
    await search.fill('farmhouse');
    await search.press('Enter');
    await row(page, 'Offsite').waitFor();
    await search.click();
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await search.fill('from:ana');
    await search.press('Enter');
    await row(page, 'Quarterly figures').waitFor();
    await search.click();
    await page.getByRole('button', { name: 'Has attachment' }).click();
    await page.getByRole('button', { name: 'Remove from: ana' }).click();
    await expect.poll(() => row(page, 'Photos de').count(), PATIENCE).toBe(1);
    expect(await row(page, 'Lunch').count()).toBe(0);
    await search.press('Backspace');
    await row(page, 'Lunch').waitFor();
    expect(new URL(page.url()).pathname).toBe('/mail/inbox');
  });

  test('pictures from outside stay outside until they are allowed, once or for their sender', async () => {
    const asked: string[] = [];
    await page.route('https://tracker.elsewhere.example/**', (route) => {
      asked.push(route.request().url());
      return route.fulfill({ contentType: 'image/gif', body: Buffer.from('R0lGODlhAQABAAAAACw=', 'base64') });
    });
    await openMessage(page, 'The lighthouse reopens, and two more');
    await page.frameLocator('iframe').getByText('Good morning').waitFor();
    const inlineWidth = `[...document.querySelector('iframe').contentDocument.images].map((image) => image.naturalWidth)`;
    await expect.poll(() => page.evaluate(inlineWidth), PATIENCE).toEqual([0, 552]);
    expect(asked).toEqual([]);
    await page.getByRole('button', { name: 'Always from weekly@harbour.example' }).click();
    await expect.poll(() => asked.length, PATIENCE).toBeGreaterThan(0);
    await page.getByText('Remote content is hidden').waitFor({ state: 'detached' });
    await page.unrouteAll();
  });

  test('the source, the octets as .eml, paper, plain text', async () => {
    const subject = 'The lighthouse reopens, and two more';
    const octets = await app.sourceOf(USER, 'INBOX', subject);
    const article = page.getByRole('article', { name: 'Message from Harbour Weekly' });
    const choose = async (name: string): Promise<void> => {
      await article.getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('menu').getByText(name, { exact: true }).click();
    };
    await choose('Show source');
    await page.getByRole('dialog').getByText('Message-ID: <s5@elsewhere.example>').waitFor();
    await page.keyboard.press('Escape');
    const download = page.waitForEvent('download');
    await choose('Save as .eml');
    expect((await download).suggestedFilename()).toMatch(/\.eml$/);
    expect(readFileSync(await (await download).path()).toString('latin1')).toBe(octets);
    await page.evaluate(
      `window.print = () => { window.printed = [...document.body.classList, ...document.querySelector('.message-printed').getAttribute('aria-label').split('|')] }`,
    );
    await choose('Print');
    expect(await page.evaluate('window.printed')).toEqual(['printing', 'Message from Harbour Weekly']);
    await page.emulateMedia({ media: 'print' });
    expect(await visible(page)).toMatchObject({ mailboxes: false, list: false, message: true });
    await page.emulateMedia({ media: null });
    await choose('Plain text');
    await article.getByText('The Harbour Weekly', { exact: true }).waitFor();
    await page.locator('iframe').waitFor({ state: 'detached' });
  });

  test('attachments are told with their size, and come down octet for octet', async () => {
    await openMessage(page, 'Quarterly figures, second draft');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download Notes.txt' }).click();
    expect((await download).suggestedFilename()).toBe('Notes.txt');
    expect(readFileSync(await (await download).path(), 'utf8')).toBe('Islands: wait for confirmation.\r\n');
    await page.getByRole('link', { name: 'Download Figures-Q4-draft2.xlsx' }).getByText('88 kB').waitFor();
  });

  test('a dark page has dark messages, of their own colours turned round or of ours', async () => {
    const night = await app.browser.open({ dark: true });
    const dark = await app.browser.signIn(night, USER);
    const look = `(() => { const frame = document.querySelector('iframe'); const body = frame.contentDocument.body; return { page: document.documentElement.dataset.theme, filter: getComputedStyle(frame).filter, text: frame.contentWindow.getComputedStyle(body).color } })()`;
    await openMessage(dark, 'The lighthouse reopens, and two more');
    await dark.frameLocator('iframe').getByText('Good morning').waitFor();
    expect(await dark.evaluate(look)).toMatchObject({ page: 'dark', filter: 'invert(0.9) hue-rotate(180deg)' });
    await dark.getByRole('article').getByRole('button', { name: 'More actions' }).click();
    await dark.getByRole('menuitemcheckbox', { name: 'Original colours' }).click();
    await expect.poll(() => dark.evaluate(look), PATIENCE).toMatchObject({ filter: 'none' });
    await openMessage(dark, 'Offsite in March: where?');
    await dark.frameLocator('iframe').getByText('the mill has 14 beds').waitFor();
    expect(await dark.evaluate(look)).toEqual({ page: 'dark', filter: 'none', text: 'rgb(230, 231, 230)' });
    await night.close();
  });

  test('new mail appears by itself, and is told of when nobody looks', async () => {
    await page.addInitScript(
      `window.told = []; window.Notification = class { static permission = 'granted'; static requestPermission() { return Promise.resolve('granted') } constructor(title, options) { window.told.push([title, options.body]) } close() {} };`,
    );
    await page.goto(new URL('/mail/inbox', page.url()).href);
    await row(page, 'Lunch').waitFor();
    await page.getByRole('button', { name: /^Account: / }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Notify of new mail' }).click();
    await app.deliver(USER, [{ from: 'Nia <nia@north.example>', subject: 'While you look', id: 'n1', text: 'Here.' }]);
    await row(page, 'While you look').waitFor();
    await page.evaluate(`Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })`);
    await app.deliver(USER, [
      { from: 'Nia <nia@north.example>', subject: 'While you are away', id: 'n2', text: 'Gone?' },
    ]);
    await expect
      .poll(() => page.evaluate('window.told'), PATIENCE)
      .toEqual([['New message from Nia', 'While you are away\nGone?']]);
  });

  test('English, German, French: by the browser, or by choice', async () => {
    for (const [locale, heading] of [
      ['de', 'Anmelden'],
      ['fr', 'Connexion'],
    ] as const) {
      const other = await app.browser.open({ locale });
      const first = await app.browser.openPage(other);
      await first.getByRole('heading', { name: heading }).waitFor();
      expect(await first.evaluate('document.documentElement.lang')).toBe(locale);
      await other.close();
    }
    await page.goto(new URL('/settings/general', page.url()).href);
    await page.getByLabel('Language').selectOption('de');
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor();
    await page.getByLabel('Sprache').selectOption('en');
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
  });
}
