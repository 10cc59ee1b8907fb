import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { TestStack } from '../support/stack.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A busy machine is slow, not wrong. */
export const PATIENCE_MS = 60_000;

/** Debian's Chromium before the web app of a stack. */
export class MailBrowser {
  readonly #browser: Browser;
  readonly #origin: string;
  /** What the pages' scripts threw, and what the policy of the page refused. */
  readonly errors: string[] = [];

  private constructor(browser: Browser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  static async start({ endpoints }: TestStack): Promise<MailBrowser> {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      // The service worker's script is not fetched by a page, to which alone the context's leniency goes.
      args: ['--no-sandbox', '--disable-gpu', '--ignore-certificate-errors'],
    });
    return new MailBrowser(browser, `https://${endpoints.webmail.host}:${endpoints.webmail.port}`);
  }

  /** A browser of its own for one person; `page` is what they see. */
  async open(
    options: { width?: number; height?: number; dark?: boolean; locale?: string } = {},
  ): Promise<BrowserContext> {
    const { width = 1440, height = 900, dark = false, locale = 'en' } = options;
    const context = await this.#browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      locale,
      permissions: ['clipboard-read', 'clipboard-write', 'notifications'],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    context.on('page', (page) => {
      page.on('pageerror', (error) => this.errors.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' && /polic|trusted/i.test(message.text())) this.errors.push(message.text());
      });
    });
    return context;
  }

  async openPage(context: BrowserContext, path = '/'): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${this.#origin}${path}`);
    return page;
  }

  async signIn(
    context: BrowserContext,
    address: string,
    options: { code?: string; path?: string } = {},
  ): Promise<Page> {
    return this.signInOn(await context.newPage(), address, options);
  }

  async signInOn(page: Page, address: string, options: { code?: string; path?: string } = {}): Promise<Page> {
    await page.goto(`${this.#origin}${options.path ?? '/'}`);
    await page.getByLabel('Email address').fill(address);
    await page.getByLabel('Password').fill(address.split('@')[0] ?? '');
    if (options.code !== undefined) {
      await page.getByRole('button', { name: 'I have a code' }).click();
      await page.getByLabel('Code from your authenticator').fill(options.code);
    }
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Email address').waitFor({ state: 'detached' });
    return page;
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}

/** What axe-core finds wrong on the page as it is. It runs in a world of its own, which the page's policy does not bind. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setBypassCSP', { enabled: true });
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  });
  await session.send('Runtime.evaluate', { contextId: executionContextId, expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    contextId: executionContextId,
    expression: 'axe.run({iframes: false}).then((found) => JSON.stringify(found.violations))',
    awaitPromise: true,
  });
  await session.detach();
  const violations = JSON.parse(String(result.value)) as { id: string; nodes: { html: string }[] }[];
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
