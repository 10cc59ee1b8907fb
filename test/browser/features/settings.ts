import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendOctets } from '../../support/mailbox.ts';
import { type AppUnderTest, PATIENCE, toast } from '../app-under-test.ts';
import { composeSample } from '../sample-mail.ts';

const USER = 'user3@domain1.example';
const COLLEAGUE = 'user5@domain2.example';

/** What settings do to mail, beyond the page. */
export function settingsFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    context = await app.browser.open();
    page = await app.browser.signIn(context, USER, { path: '/settings/filters' });
  });
  afterAll(() => context?.close());
  const goTo = async (name: string): Promise<void> => {
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name }).click();
    await page.getByRole('main', { name }).waitFor();
  };

  test('a filter rule files what comes', async () => {
    await page.getByRole('button', { name: 'Add a rule' }).click();
    await page.getByLabel('Name of the rule').fill('Newsletters');
    await page.getByLabel('Value').fill('weekly@');
    await page.getByLabel('Mailbox').fill('Newsletters');
    await page.getByRole('button', { name: 'Another action' }).click();
    await page.getByLabel('Action').last().selectOption('flag');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await toast(page, 'Saved.');
    await app.deliver(USER, [
      { from: 'Weekly <weekly@harbour.example>', subject: 'To be filed', id: 'f1', text: 'One.' },
      { from: 'Ann <ann@harbour.example>', subject: 'To be read', id: 'f2', text: 'Two.' },
    ]);
    await app.untilFlagged(USER, 'Newsletters', 'To be filed', '\\Flagged');
    await app.untilThere(USER, 'INBOX', 'To be read');
    expect(await app.seenByImap(USER, 'INBOX', 'To be filed')).toEqual([]);
  });

  test('the rules are a Sieve script, whose faults are told with their line', async () => {
    await page.getByRole('button', { name: 'Edit as a Sieve script' }).click();
    const script = page.getByLabel('Sieve script');
    await expect.poll(() => script.inputValue(), PATIENCE).toContain('fileinto');
    const good = await script.inputValue();
    await script.fill(`${good}\nfrobnicate;\n`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page
      .getByRole('alert')
      .filter({ hasText: /line \d+/i })
      .waitFor();
    await script.fill(good);
    await page.getByRole('button', { name: 'Save' }).click();
    // A script that says what the rules say is shown as rules again.
    await page.getByRole('checkbox', { name: 'Newsletters' }).uncheck();
    await toast(page, 'Saved.');
    await app.deliver(USER, [
      { from: 'Weekly <weekly@harbour.example>', subject: 'Not to be filed', id: 'f3', text: 'Three.' },
    ]);
    await app.untilThere(USER, 'INBOX', 'Not to be filed');
  });

  test('who writes meanwhile gets the answer of the absent', async () => {
    await goTo('Out of office');
    await page.getByLabel('Answer while I am away').check();
    await page.getByLabel('Text of the answer').fill('Back on Monday.');
    // The words of an earlier “Saved.” may still stand there.
    const saved = page.waitForResponse(
      (answer) => answer.request().postData()?.includes('VacationResponse/set') === true,
    );
    await page.getByRole('button', { name: 'Save' }).click();
    await saved;
    await toast(page, 'Saved.');
    await sendOctets(
      app.stack,
      [USER],
      composeSample({ from: `Five <${COLLEAGUE}>`, subject: 'Are you there?', id: 'v1', text: 'Hello?' }, USER),
      COLLEAGUE,
    );
    expect(await app.sourceOf(COLLEAGUE, 'INBOX', 'Are you there?')).toContain('Back on Monday.');
    await page.getByLabel('Answer while I am away').uncheck();
    await page.getByRole('button', { name: 'Save' }).click();
  });

  test('sessions are listed, and one is ended from another', async () => {
    const elsewhere = await app.browser.open();
    await app.browser.signIn(elsewhere, USER);
    await goTo('Security');
    await page.getByRole('listitem').filter({ hasText: 'This session' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'End' }).click();
    await toast(page, 'Session ended.');
    await page.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' });
    await elsewhere.close();
  });

  test('the quota and how much of it is taken', async () => {
    const small = await app.browser.open();
    const own = await app.browser.signIn(small, 'small@domain2.example', { path: '/settings/storage' });
    await own.getByText(/^\S+ \w+ of 200 kB$/).waitFor();
    expect(await own.getByRole('meter').getAttribute('max')).toBe('199680');
    await small.close();
  });
}
