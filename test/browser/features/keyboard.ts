import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, PATIENCE, row, toast } from '../app-under-test.ts';

const USER = 'siteadmin@domain2.example';

/** A whole task without a pointer. */
export function keyboardFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    await app.deliver(USER, [
      { from: 'Quentin <quentin@north.example>', subject: 'Older one', id: 'k1', text: 'Later.' },
      { from: 'Rosa <rosa@north.example>', subject: 'By keys alone', id: 'k2', html: '<p>Can <b>you</b>?</p>' },
    ]);
    context = await app.browser.open();
  });
  afterAll(() => context?.close());

  /** Name and role of what has the focus, as a screen reader would say it; Tab until it is this one. */
  async function tabTo(wanted: RegExp, most = 40): Promise<void> {
    const focused = `(() => { const { activeElement: it } = document; return it.getAttribute('aria-label') ?? it.labels?.[0]?.textContent ?? it.textContent ?? '' })()`;
    for (let n = 0; n < most; n += 1) {
      if (wanted.test(String(await page.evaluate(focused)))) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`Tab does not come to ${wanted}`);
  }

  test('sign in, open, reply, send, archive, undo', async () => {
    page = await app.browser.openPage(context);
    await page.getByLabel('Email address').waitFor();
    await page.keyboard.type(USER);
    await page.keyboard.press('Tab');
    await page.keyboard.type('siteadmin');
    await page.keyboard.press('Enter');
    await row(page, 'By keys alone').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.frameLocator('iframe').getByText('you').waitFor();
    await page.keyboard.press('r');
    await page.getByRole('textbox', { name: 'Text of the message' }).waitFor();
    await page.keyboard.type('With these ten fingers.');
    await tabTo(/^Send$/);
    await page.keyboard.press('Enter');
    await toast(page, 'Sent.');
    expect(await app.sourceOf(USER, 'Sent', 'Re: By keys alone')).toContain('With these ten fingers.');
    await page.keyboard.press('e');
    await app.untilThere(USER, 'Archive', 'By keys alone');
    await page.keyboard.press('z');
    await app.untilThere(USER, 'INBOX', 'By keys alone');
    await toast(page, 'Undone.');
  });

  test('lists, menus and dialogs: arrows move, Escape goes back, the focus returns', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await row(page, 'Re: By keys alone').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await row(page, 'Older one').waitFor();
    await tabTo(/Older one|By keys alone/);
    await page.keyboard.press('End');
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toContain('Older one');
    await page.keyboard.press('x');
    await page.getByText('1 selected').waitFor();
    await page.keyboard.press('s');
    await app.untilFlagged(USER, 'INBOX', 'Older one', '\\Flagged');
    await page.keyboard.press('v');
    await page.getByRole('dialog', { name: 'Move to' }).waitFor();
    await page.keyboard.type('junk');
    await page.keyboard.press('Enter');
    await app.untilThere(USER, 'Junk', 'Older one');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Mark as unread').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const search = page.locator('#search');
    // The list may be drawn anew while the keys come: who sees that nothing happened presses again.
    const isHere = (): Promise<boolean> => search.and(page.locator(':focus')).isVisible();
    const press = async (): Promise<boolean> => {
      if (!(await isHere())) await page.keyboard.press('/');
      return await isHere();
    };
    await expect.poll(press, PATIENCE).toBe(true);
    await page.keyboard.type('is:flagged');
    await expect.poll(() => search.inputValue()).toBe('is:flagged');
    await page.keyboard.press('Enter');
    await row(page, 'Older one').waitFor();
    await tabTo(/^Account: /);
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Sign out');
    await page.keyboard.press('Enter');
    await page.getByLabel('Email address').waitFor(PATIENCE);
  });
}
