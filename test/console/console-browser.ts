import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const PICTURES = join(import.meta.dirname, 'screenshots');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A telephone, and a desk. */
export const NARROW = { width: 375, height: 740 };
export const WIDE = { width: 1440, height: 900 };
/** Machines may be busy. */
const PATIENCE_MS = 60_000;

/** Debian's Chromium before the console, and what went wrong in its pages. */
export class ConsoleBrowser {
  readonly #browser: Browser;
  readonly #url: string;
  /** Scripts that failed, and words of the browser about its policies. */
  readonly errors: string[] = [];

  private constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  static async start(url: string): Promise<ConsoleBrowser> {
    mkdirSync(PICTURES, { recursive: true });
    const args = ['--no-sandbox', '--disable-gpu'];
    return new ConsoleBrowser(await chromium.launch({ executablePath: '/usr/bin/chromium', args }), url);
  }

  /** A window of its own, with no cookie of another. */
  async open(options: object = {}): Promise<ConsolePage> {
    const context = await this.#browser.newContext({
      ignoreHTTPSErrors: true,
      // The page's own policy forbids scripts of others; axe is one, and runs in the test alone.
      bypassCSP: true,
      viewport: WIDE,
      locale: 'en',
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.errors.push(String(error)));
    await page.goto(this.#url);
    return new ConsolePage(page);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** One window of the console, and what somebody does there. */
export class ConsolePage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async signIn(address: string, password = address.split('@')[0] ?? ''): Promise<void> {
    await this.page.getByLabel('Address').fill(address);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('button', { name: 'Sign out' }).waitFor();
  }

  async goTo(name: string): Promise<void> {
    const menu = this.page.getByRole('button', { name: 'Menu' });
    if (await menu.isVisible()) await menu.click();
    await this.page.getByRole('navigation', { name: 'Menu' }).getByRole('link', { name }).click();
    await this.page.getByRole('heading', { name, level: 1 }).waitFor();
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true });
  }

  inDialog(name: string) {
    return this.page.getByRole('dialog').getByRole('button', { name, exact: true });
  }

  /** A card of a page, by its heading. */
  card(name: string) {
    return this.page.locator('.card').filter({ has: this.page.getByRole('heading', { name }) });
  }

  async told(text: string | RegExp): Promise<void> {
    await this.page.getByRole('status').getByText(text).waitFor();
  }

  /** Takes a picture to test/console/screenshots; nothing that axe-core finds, nothing to scroll aside to. */
  async looksRight(name: string): Promise<void> {
    const { page } = this;
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
    await page.evaluate(AXE);
    const found = (await page.evaluate('axe.run()')) as { violations: { id: string; nodes: { html: string }[] }[] };
    const faults = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    expect(faults, name).toEqual([]);
    const { width = 0 } = page.viewportSize() ?? {};
    expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBeLessThanOrEqual(width);
  }

  /** Makes an account in the list of accounts. @returns the password that is told once */
  async makeAccount(address: string, name: string): Promise<string> {
    await this.goTo('Accounts');
    await this.button('New account').click();
    const dialog = this.page.getByRole('dialog');
    await dialog.getByLabel('Address').fill(address);
    await dialog.getByLabel('Name', { exact: true }).fill(name);
    await dialog.getByRole('button', { name: 'Create' }).click();
    const password = (await this.page.locator('.told code').textContent()) ?? '';
    await this.button('Close').click();
    return password;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
