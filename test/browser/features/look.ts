import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, openMessage, row } from '../app-under-test.ts';
import { accessibilityFaults } from '../mail-browser.ts';
import { SAMPLE_MAIL } from '../sample-mail.ts';

const USER = 'user5@domain2.example';
const SIZES = [
  [1440, 900],
  [768, 1024],
  [375, 740],
] as const;
/** Pictures of every view, width and colour scheme, to be looked at; an ordinary run takes none. */
const PICTURES = process.env.POSTERN_SCREENSHOTS === '1' ? join(import.meta.dirname, '..', 'screenshots') : undefined;

/** Every view, light and dark, wide and narrow: nothing that axe-core finds, nothing wider than the page. */
export function lookFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    if (PICTURES !== undefined) mkdirSync(PICTURES, { recursive: true });
    await app.deliver(USER, SAMPLE_MAIL);
    context = await app.browser.open();
    page = await app.browser.openPage(context);
    await page.getByLabel('Email address').waitFor();
  });
  afterAll(() => context?.close());

  async function look(name: string): Promise<void> {
    for (const [width, height] of SIZES) {
      if (width === 768 && PICTURES === undefined) continue;
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.locator(`html[data-theme=${colorScheme}]`).waitFor({ state: 'attached' });
        if (PICTURES !== undefined)
          await page.screenshot({
            path: join(PICTURES, `${name}-${width}-${colorScheme}.png`),
            animations: 'disabled',
          });
        // Structure is the same in the dark: there colours are what may be wrong.
        if (width !== 768) expect(await accessibilityFaults(page), `${name} ${width} ${colorScheme}`).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth'), `${name} ${width}`).toBeLessThanOrEqual(
          width,
        );
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }

  test('sign-in, list, message, conversation', async () => {
    await look('sign-in');
    await app.browser.signInOn(page, USER);
    await row(page, 'Quarterly figures').waitFor();
    await look('inbox');
    await openMessage(page, 'The lighthouse reopens, and two more');
    await page.frameLocator('iframe').getByText('Good morning').waitFor();
    await look('message');
    await openMessage(page, 'Offsite in March: where?');
    await page.getByText('Trains go every hour').waitFor();
    await look('conversation');
  });

  test('writing, search, dialogs, menus', async () => {
    await page.keyboard.press('r');
    await page.getByRole('textbox', { name: 'Text of the message' }).getByText('the mill has 14 beds').waitFor();
    await look('compose');
    await page.getByRole('button', { name: 'Save and close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await look('shortcuts');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').fill('has:attachment from:ana');
    await page.keyboard.press('Enter');
    await row(page, 'Quarterly figures').waitFor();
    await page.getByRole('searchbox').focus();
    await look('search');
  });

  for (const name of ['general', 'identities', 'vacation', 'filters', 'scheduled', 'security', 'storage']) {
    test(`settings: ${name}`, async () => {
      await page.goto(new URL(`/settings/${name}`, page.url()).href);
      await page.locator('.settings-section').first().waitFor();
      if (name === 'filters') await page.getByRole('button', { name: 'Add a rule' }).click();
      await look(`settings-${name}`);
    });
  }
}
