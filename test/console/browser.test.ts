import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConsoleUnderTest, startConsoleUnderTest } from './console-under-test.ts';

/**
 * The story of the console in Debian's Chromium: an administrator sets a domain up, its postmaster adds somebody, who signs in and changes
 * their password; the account is suspended, restored, deleted and purged. Pictures go to test/console/screenshots.
 */
const PICTURES = join(import.meta.dirname, 'screenshots');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NARROW = { width: 375, height: 740 };
const WIDE = { width: 1280, height: 800 };

let server: ConsoleUnderTest;
let browser: Browser;
const errors: string[] = [];

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  server = await startConsoleUnderTest('slapd');
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function openBrowser(options: object = {}): Promise<{ context: BrowserContext; page: Page }> {
  // The page's own policy forbids scripts of others; axe is one, and runs in the test alone.
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    bypassCSP: true,
    viewport: WIDE,
    locale: 'en',
    ...options,
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(server.url);
  return { context, page };
}

async function signIn(page: Page, address: string, password = address.split('@')[0] ?? ''): Promise<void> {
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

const picture = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });

/** What axe-core finds wrong on the page as it is. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

async function goTo(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Menu' }).getByRole('link', { name }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

test('the sign-in page, wrong and right', async () => {
  const { context, page } = await openBrowser();
  await page.getByLabel('Address').fill('siteadmin@domain2.example');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: 'Address, password or code is wrong' }).waitFor();
  await picture(page, 'sign-in');
  expect(await faults(page)).toEqual([]);
  await signIn(page, 'siteadmin@domain2.example');
  await page.getByRole('heading', { name: 'Accounts' }).waitFor();
  await page.getByRole('link', { name: 'user1@domain1.example' }).waitFor();
  await picture(page, 'accounts');
  expect(await faults(page)).toEqual([]);
  await context.close();
});

test('a domain, its postmaster, a user: made, changed, suspended, restored, deleted, purged', async () => {
  const site = await openBrowser();
  await signIn(site.page, 'siteadmin@domain2.example');
  await goTo(site.page, 'Domains');
  await site.page.getByRole('button', { name: 'New domain' }).click();
  await site.page.getByLabel('Domain').last().fill('story.example');
  await site.page.getByLabel('Postmaster').fill('boss@story.example');
  await picture(site.page, 'new-domain');
  await site.page.getByRole('button', { name: 'Create' }).click();
  await site.page.getByRole('heading', { name: 'story.example', level: 1 }).waitFor();
  await site.page.getByText('v=spf1 mx -all').waitFor();
  await picture(site.page, 'domain');
  expect(await faults(site.page)).toEqual([]);

  const password = await makeAccount(site.page, 'boss@story.example', 'The Boss');
  await site.context.close();

  const boss = await openBrowser();
  await signIn(boss.page, 'boss@story.example', password);
  const first = await makeAccount(boss.page, 'ann@story.example', 'Ann <script>alert(1)</script>');
  await goTo(boss.page, 'Aliases');
  await boss.page.getByRole('button', { name: 'New alias' }).click();
  await boss.page.getByLabel('Address').fill('sales@story.example');
  await boss.page.getByLabel('Targets').fill('ann@story.example\nsomeone@elsewhere.example');
  await boss.page.getByRole('button', { name: 'Create' }).click();
  await boss.page.getByText('ann@story.example, someone@elsewhere.example').waitFor();
  await picture(boss.page, 'aliases');
  expect(await faults(boss.page)).toEqual([]);

  const ann = await openBrowser({ viewport: NARROW, colorScheme: 'dark' });
  await signIn(ann.page, 'ann@story.example', first);
  await ann.page.getByRole('heading', { name: 'My account' }).waitFor();
  await ann.page.getByRole('heading', { name: 'App passwords' }).waitFor();
  await picture(ann.page, 'self-narrow-dark');
  expect(await faults(ann.page)).toEqual([]);
  expect(await ann.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(NARROW.width);
  const change = ann.page.locator('form').filter({ has: ann.page.getByLabel('New password') });
  await change.getByLabel('Old password').fill(first);
  await change.getByLabel('New password').fill('a longer new secret');
  await change.getByRole('button', { name: 'Change password' }).click();
  await ann.page.getByRole('button', { name: 'Sign in' }).waitFor();
  await signIn(ann.page, 'ann@story.example', 'a longer new secret');

  await goTo(boss.page, 'Accounts');
  await boss.page.getByRole('link', { name: 'ann@story.example' }).click();
  await boss.page.getByRole('heading', { name: 'ann@story.example', level: 1 }).waitFor();
  await boss.page.getByText('sales@story.example').waitFor();
  expect(await boss.page.getByLabel('Name').inputValue()).toBe('Ann <script>alert(1)</script>');
  await picture(boss.page, 'account');
  expect(await faults(boss.page)).toEqual([]);
  await boss.page.getByRole('button', { name: 'Suspend' }).click();
  await boss.page.getByText('suspended').waitFor();
  await boss.page.getByRole('button', { name: 'Restore' }).click();
  await boss.page.getByText('active', { exact: true }).first().waitFor();
  await boss.page.getByRole('button', { name: 'Delete', exact: true }).click();
  await boss.page.getByText('What else does this break?').waitFor();
  await picture(boss.page, 'delete');
  expect(await faults(boss.page)).toEqual([]);
  await boss.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await boss.page.getByText('to be deleted').waitFor();
  await boss.page.getByRole('button', { name: 'Purge for good' }).click();
  await boss.page.getByLabel('Write the address to confirm').fill('ann@story.example');
  await boss.page.getByLabel('Even though it could still be undone').check();
  await boss.page.getByRole('dialog').getByRole('button', { name: 'Purge for good' }).click();
  await boss.page.getByText(/Removed: 1 messages/).waitFor();
  await goTo(boss.page, 'Log');
  await boss.page.getByText('account-purged').waitFor();
  await picture(boss.page, 'log');
  expect(await faults(boss.page)).toEqual([]);
  await boss.context.close();
  await ann.context.close();
});

test('the other pages, in both colours, narrow and wide: nothing that axe-core finds, no scrolling aside', async () => {
  for (const [viewport, colorScheme] of [
    [WIDE, 'dark'],
    [NARROW, 'light'],
  ] as const) {
    const { context, page } = await openBrowser({ viewport, colorScheme });
    await signIn(page, 'siteadmin@domain2.example');
    for (const name of [
      'Accounts',
      'Aliases',
      'Domains',
      'Import and export',
      'API tokens',
      'Log',
      'Operation',
      'My account',
    ]) {
      if (viewport === NARROW) await page.getByRole('button', { name: 'Menu' }).click();
      await goTo(page, name);
      await page.waitForLoadState('networkidle');
      expect(await faults(page), `${name} ${colorScheme}`).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBeLessThanOrEqual(viewport.width);
      await picture(
        page,
        `${name.toLowerCase().replaceAll(' ', '-')}-${viewport === NARROW ? 'narrow' : 'wide'}-${colorScheme}`,
      );
    }
    await context.close();
  }
});

test('the keyboard alone suffices: sign in, make an alias, close a dialog', async () => {
  const { context, page } = await openBrowser();
  await page.getByLabel('Address').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.type('user1@domain1.example');
  await page.keyboard.press('Tab');
  await page.keyboard.type('user1');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Accounts' }).waitFor();
  const reach = async (name: string): Promise<void> => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate('document.activeElement?.textContent?.trim()');
      if (focused === name) return;
    }
    throw new Error(`${name} is not reached by Tab`);
  };
  await reach('New account');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await context.close();
});

test('no script of ours failed on the way', () => {
  expect(errors).toEqual([]);
});

async function makeAccount(page: Page, address: string, name: string): Promise<string> {
  await goTo(page, 'Accounts');
  await page.getByRole('button', { name: 'New account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address').fill(address);
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByRole('button', { name: 'Create' }).click();
  const password = await page.locator('.told code').textContent();
  await page.getByRole('button', { name: 'Close' }).click();
  return password ?? '';
}
