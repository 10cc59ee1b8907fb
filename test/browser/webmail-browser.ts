import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { sendOctets } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Git-ignored; to be looked at. */
export const PICTURES = join(import.meta.dirname, 'screenshots');

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A stack with webmail, and Debian's Chromium. */
export interface WebmailInBrowser {
  readonly stack: TestStack;
  readonly url: string;
  readonly browser: Browser;
  /** A browser of its own that has signed in nowhere. */
  open(
    options?: Parameters<Browser['newContext']>[0],
  ): Promise<{ context: BrowserContext; page: Page; errors: string[] }>;
  /** Mail from outside, through the relay; resolves when it is in the store. */
  deliver(to: string, octets: Buffer): Promise<void>;
  stop(): Promise<void>;
}

export async function startWebmailInBrowser(): Promise<WebmailInBrowser> {
  mkdirSync(PICTURES, { recursive: true });
  const stack = await startStack({ withWebmail: true, directory: 'embedded' });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const { host, port } = stack.endpoints.webmail;
  const url = `https://${host}:${port}`;
  return {
    stack,
    url,
    browser,
    async open(options = {}) {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        viewport: { width: 1440, height: 900 },
        locale: 'en-GB',
        ...options,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(60_000);
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      return { context, page, errors };
    },
    async deliver(to, octets) {
      await sendOctets(stack, [to], octets);
    },
    async stop() {
      await browser.close();
      await stack.stop();
    },
  };
}

export async function signIn(page: Page, url: string, address: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Email address').fill(address);
  await page.getByLabel('Password').fill(address.split('@')[0] ?? '');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Mailboxes' }).waitFor({ state: 'attached' });
}

/** What axe-core finds wrong on the page as it is; the context must have been opened with `bypassCSP`. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return found.violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} (${failureSummary})`).join(' | ')}`,
  );
}

export const picture = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: join(PICTURES, `${name}.png`) });
