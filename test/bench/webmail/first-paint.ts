import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** A page with somebody signed in, and what shows that its list is there. */
export interface PaintedPage {
  readonly url: string;
  /** Matches rows of messages. */
  readonly rows: string;
  readonly cookies: ReadonlyMap<string, string>;
}

export interface Paint {
  /** From the beginning of the navigation until a row of the list stands on the screen. */
  readonly milliseconds: number;
  /** Scripts that were loaded until then, as they travelled. */
  readonly scriptBytes: number;
}

const PATIENCE_MS = 120_000;

/** Debian's Chromium, with a fresh profile for every page that is measured: nothing is cached. */
export class PaintClock {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<PaintClock> {
    const executablePath = '/usr/bin/chromium';
    return new PaintClock(await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] }));
  }

  async measure({ url, rows, cookies }: PaintedPage): Promise<Paint> {
    // What is awaited on the page is an expression, which the policy of our page refuses.
    const context: BrowserContext = await this.#browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
    const { protocol } = new URL(url);
    const secure = protocol === 'https:';
    await context.addCookies(
      [...cookies].map(([name, value]) => ({ name, value, url, secure, httpOnly: true, sameSite: 'Strict' })),
    );
    const page: Page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const sizes: Promise<number>[] = [];
    page.on('requestfinished', (request) => {
      if (request.resourceType() === 'script')
        sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
    });
    await page.goto(url, { waitUntil: 'commit' });
    // An expression of the page's world: what it names is not known here.
    const found = await page.waitForFunction(
      `document.querySelector(${JSON.stringify(rows)}) === null ? false : performance.now()`,
      undefined,
      { polling: 'raf' },
    );
    const milliseconds = Number(await found.jsonValue());
    const scriptBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    await context.close();
    return { milliseconds, scriptBytes };
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}
