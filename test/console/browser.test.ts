import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTotpSecret, totpCode, totpStep } from '@postern/shared/sign-in/totp.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConsoleBrowser, type ConsolePage, NARROW, WIDE } from './console-browser.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from './console-under-test.ts';

/** Every page of the console in Debian's Chromium, on a real slapd; the story of its use tells story.test.ts. */
const PAGES = [
  'Accounts',
  'Aliases',
  'Domains',
  'Import and export',
  'API tokens',
  'Log',
  'Operation',
  'My account',
] as const;

/** Each size and each colour; every pair of them in the long form. */
const LOOKS = [
  [WIDE, 'light'],
  [NARROW, 'dark'],
  ...(process.env.POSTERN_TEST_FULL === '1'
    ? ([
        [WIDE, 'dark'],
        [NARROW, 'light'],
      ] as const)
    : []),
] as const;

let server: ConsoleUnderTest;
let browser: ConsoleBrowser;
beforeAll(async () => {
  server = await startConsoleUnderTest('slapd');
  browser = await ConsoleBrowser.start(server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const slug = (name: string): string => name.toLowerCase().replaceAll(' ', '-');

test('the sign-in page, wrong and right', async () => {
  const window = await browser.open();
  await window.page.getByLabel('Address').fill('siteadmin@domain2.example');
  await window.page.getByLabel('Password').fill('wrong');
  await window.button('Sign in').click();
  await window.page.getByRole('alert').filter({ hasText: 'Address, password or code is wrong' }).waitFor();
  await window.looksRight('sign-in');
  await window.signIn('siteadmin@domain2.example');
  await window.page.getByRole('link', { name: 'user1@domain1.example' }).waitFor();
  await window.close();
});

test('each page in both colours, on a desk and on a telephone: nothing that axe-core finds, no scrolling aside', async () => {
  for (const [viewport, colorScheme] of LOOKS) {
    const window = await browser.open({ viewport, colorScheme });
    await window.signIn('siteadmin@domain2.example');
    for (const name of PAGES) {
      await window.goTo(name);
      await window.looksRight(`${slug(name)}-${viewport === NARROW ? 'narrow' : 'wide'}-${colorScheme}`);
    }
    await window.close();
  }
});

test.each([
  ['de', 'Anmelden', 'Konten', 'Betrieb', 'Adresse, Passwort oder Code ist falsch'],
  ['fr', 'Se connecter', 'Comptes', 'Exploitation', 'Adresse, mot de passe ou code incorrect'],
])(
  '%s: the pages and what the server refuses are in the reader’s language',
  async (locale, signIn, accounts, operation, wrong) => {
    const window = await browser.open({ locale });
    const { page } = window;
    await page.locator('input[name=address]').fill('siteadmin@domain2.example');
    await page.locator('input[name=password]').fill('wrong');
    await page.getByRole('button', { name: signIn }).click();
    await page.getByText(wrong).waitFor();
    await page.locator('input[name=password]').fill('siteadmin');
    await page.getByRole('button', { name: signIn }).click();
    await page.getByRole('heading', { name: accounts }).waitFor();
    await page.getByRole('link', { name: operation }).click();
    await page.getByRole('heading', { name: operation, level: 1 }).waitFor();
    await window.looksRight(`operation-${locale}`);
    await window.close();
  },
);

test('by keyboard alone an alias is made, found by search, changed and removed', async () => {
  const window = await browser.open();
  const { page } = window;
  await page.getByLabel('Address').waitFor();
  const { keyboard } = page;
  await keyboard.press('Tab');
  await keyboard.type('user1@domain1.example');
  await keyboard.press('Tab');
  await keyboard.type('user1');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Accounts' }).waitFor();
  await reach(window, 'Aliases');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Aliases' }).waitFor();
  await reach(window, 'New alias');
  await keyboard.press('Enter');
  await reach(window, 'Address');
  await keyboard.press('Control+A');
  await keyboard.type('keys@domain1.example');
  await keyboard.press('Tab');
  await keyboard.type('user2@domain1.example');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await reach(window, 'Search');
  await keyboard.type('keys@');
  await page.getByRole('button', { name: 'info@domain1.example' }).waitFor({ state: 'hidden' });
  await reach(window, 'keys@domain1.example');
  await keyboard.press('Enter');
  await reach(window, 'Description');
  await keyboard.type('made without a mouse');
  await keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await reach(window, 'keys@domain1.example');
  await keyboard.press('Enter');
  expect(await page.getByRole('dialog').getByLabel('Description').inputValue()).toBe('made without a mouse');
  await reach(window, 'Delete');
  await keyboard.press('Enter');
  await page.getByText('What else does this break?').waitFor();
  await reach(window, 'Delete');
  await keyboard.press('Enter');
  await page.getByText('Nothing found').waitFor();
  await window.close();
});

/** Presses Tab until what has this name has the focus. */
async function reach({ page }: ConsolePage, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    const focused = await page.evaluate(`(() => {
      const one = document.activeElement;
      const label = one?.id ? document.querySelector('label[for="' + one.id + '"]')?.textContent : undefined;
      return (one?.getAttribute('aria-label') ?? label ?? one?.textContent ?? '').trim();
    })()`);
    if (focused === name) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${name} is not reached by Tab`);
}

test('the second factor: its QR code is read from the picture, a code turns it on, and signs in', async () => {
  const address = 'user3@domain1.example';
  const folder = mkdtempSync(join(tmpdir(), 'postern-qr-'));
  const window = await browser.open({ colorScheme: 'dark' });
  const { page } = window;
  await window.signIn(address);
  const card = window.card('Second factor');
  await card.getByRole('button', { name: 'Set up' }).click();
  const picture = join(folder, 'qr.png');
  await page.getByRole('img', { name: 'QR code of the secret' }).screenshot({ path: picture });
  const { stdout } = spawnSync('zbarimg', ['--quiet', '--raw', picture], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  const read = new URL(stdout.trim());
  expect(`${read.protocol}//${read.host}`).toBe('otpauth://totp');
  expect(decodeURIComponent(read.pathname)).toContain(address);
  const secret = readTotpSecret(read.searchParams.get('secret') ?? '');
  if (secret === undefined) throw new Error(`no secret in ${stdout}`);
  await window.looksRight('second-factor');
  const code = (offset: number): string => totpCode(secret, totpStep(Date.now()) + offset);
  await card.getByLabel('Password').fill('user3');
  await card.getByLabel('Code that it shows').fill(code(-1));
  await card.getByRole('button', { name: 'Turn on' }).click();
  await page.getByRole('heading', { name: 'Second factor: on' }).waitFor();
  await window.button('Sign out').click();
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Password').fill('user3');
  await window.button('Sign in').click();
  await page.getByRole('alert').filter({ hasText: 'wrong' }).waitFor();
  await page.getByLabel('Code, if you use one').fill(code(0));
  await window.button('Sign in').click();
  await window.button('Sign out').waitFor();
  const passwords = window.card('App passwords');
  await passwords.getByLabel('For which device or program').fill('Telephone');
  await passwords.getByLabel('Password', { exact: true }).fill('user3');
  await passwords.getByLabel('Code').fill(code(1));
  await passwords.getByRole('button', { name: 'Create' }).click();
  await passwords.getByText(/^app-[a-z2-7]{8}(-[a-z2-7]{4}){4}$/).waitFor();
  await window.close();
});

test('no script of ours failed on the way', () => {
  expect(browser.errors).toEqual([]);
});
