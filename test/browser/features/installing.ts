import type { BrowserContext, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, PATIENCE, row } from '../app-under-test.ts';

const USER = 'user5@domain2.example';
/** Compressed, of all scripts until the list stands. */
const MOST_SCRIPT_BYTES = 150_000;

/** What the page is to the device: small, installed, there without a connection, and told of mail when it is closed. */
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

  test('Web Push: subscribed, verified, and new mail shown by the worker while no page is open', async () => {
    // The browser's own push service is out of reach: another, of the same protocol, stands in its place.
    const { url, keys } = app.pushService.subscription;
    await page.addInitScript(
      `PushManager.prototype.subscribe = async function (options) { window.subscribedFor = options.applicationServerKey; return { endpoint: '${url}', toJSON: () => (${JSON.stringify({ endpoint: url, keys })}) } };`,
    );
    await page.reload();
    await row(page, 'First of all').waitFor();
    await page.getByRole('button', { name: /^Account: / }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Notify of new mail' }).click();
    const verification = await app.pushService.next();
    expect(verification.content['@type']).toBe('PushVerification');
    expect(await page.evaluate('window.subscribedFor')).toMatch(/^[\w-]{80,}$/);
    const blank = await context.newPage();
    const device = await context.newCDPSession(blank);
    const push = await pushTo(device, new URL(page.url()).origin);
    await push(verification.content);
    await page.close();

    // Told again and again, until the process that tells has heard of the code.
    const change = app.pushService.next();
    let told = false;
    void change.then(() => {
      told = true;
    });
    await expect
      .poll(
        async () => {
          if (!told)
            await app.deliver(USER, [
              { from: 'Pia <pia@north.example>', subject: 'By push', id: 'p1', text: 'At last.' },
            ]);
          return told;
        },
        { ...PATIENCE, interval: 1_000 },
      )
      .toBe(true);
    await push((await change).content);
    page = await app.browser.openPage(context);
    await row(page, 'By push').first().waitFor();
    const shown = `navigator.serviceWorker.ready.then((worker) => worker.getNotifications()).then((all) => all.map(({ title, body }) => [title, body]))`;
    await expect.poll(() => page.evaluate(shown), PATIENCE).toEqual([['New mail', '']]);
    await blank.close();
  });
}

/** Hands messages to the service worker of an origin, as the browser does with those of its push service. */
async function pushTo(device: CDPSession, origin: string): Promise<(content: unknown) => Promise<unknown>> {
  const registered = new Promise<string>((resolve) => {
    device.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL === `${origin}/`);
      if (found !== undefined) resolve(found.registrationId);
    });
  });
  await device.send('ServiceWorker.enable');
  const registrationId = await registered;
  return (content) =>
    device.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(content) });
}
