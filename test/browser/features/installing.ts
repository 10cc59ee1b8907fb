import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, row } from '../app-under-test.ts';

const USER = 'user5@domain2.example';
/** Compressed, of all scripts until the list stands. */
const MOST_SCRIPT_BYTES = 150_000;

/** What the page is to the device: small, installed, there without a connection. */
export function installingFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    await app.deliver(USER, [{ from: 'Pia <pia@north.example>', subject: 'First of all', id: 'p0', text: 'Hello.' }]);
    context = await app.browser.open();
  });
  afterAll(() => context?.close());

  test('first load: all scripts together under 150 KB, compressed', async () => {
    page = await context.newPage();
    const scripts: Promise<{ url: string; bytes: number }>[] = [];
    page.on('requestfinished', (request) => {
      if (request.resourceType() !== 'script') return;
      scripts.push(request.sizes().then(({ responseBodySize }) => ({ url: request.url(), bytes: responseBodySize })));
    });
    await app.browser.signInOn(page, USER);
    await row(page, 'First of all').waitFor();
    const found = await Promise.all(scripts);
    expect(found.length).toBeGreaterThan(0);
    expect(
      found.reduce((sum, { bytes }) => sum + bytes, 0),
      JSON.stringify(found),
    ).toBeLessThan(MOST_SCRIPT_BYTES);
  });

  test('it can be installed, and opens without a connection', async () => {
    await page.evaluate('navigator.serviceWorker.ready.then(() => true)');
    const session = await context.newCDPSession(page);
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
    // A private window, as each of a test's is, installs nothing.
    expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
    await session.detach();
    const icons = await page.evaluate(`(async () => {
      const manifest = await (await fetch(document.querySelector('link[rel=manifest]').href)).json();
      return Promise.all(manifest.icons.map(async ({ src, type }) => (await fetch(src)).headers.get('content-type') === type));
    })()`);
    expect(icons).toEqual(expect.arrayContaining([true]));
    expect(icons).not.toContain(false);
    await page.reload();
    await row(page, 'First of all').waitFor();
    await context.setOffline(true);
    await page.reload();
    await page.getByText('The mail host cannot be reached.').waitFor();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Try again' }).click();
    await row(page, 'First of all').waitFor();
  });
}
