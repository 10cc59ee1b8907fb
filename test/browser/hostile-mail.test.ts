import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendOctets } from '../support/mailbox.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { HOSTILE_VECTORS } from './hostile-vectors.ts';
import { MailBrowser } from './mail-browser.ts';
import { composeSample } from './sample-mail.ts';

/** Hostile messages that come in from the Internet are opened one by one: no script runs, and nothing is asked of anybody outside. */
const USER = 'user2@domain1.example';
const AT_A_TIME = 4;
/** Messages of one conversation: they are open side by side, each in a frame of its own. */
const CONVERSATION = 12;
let stack: TestStack;
let browser: MailBrowser;
beforeAll(async () => {
  stack = await startStack({ withWebmail: true, directory: 'embedded' });
  browser = await MailBrowser.start(stack);
}, 400_000);
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 120_000);

async function deliverAll(messages: readonly Buffer[]): Promise<void> {
  const left = [...messages];
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      for (let octets = left.shift(); octets !== undefined; octets = left.shift())
        await sendOctets(stack, [USER], octets);
    }),
  );
}

/** Ids of emails by the Message-ID’s left side, as the page itself may ask. */
const emailIds = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(`(async () => {
    const session = await (await fetch('/jmap/session')).json();
    const accountId = Object.keys(session.accounts)[0];
    const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
    const methodCalls = [
      ['Email/query', { accountId, limit: 500 }, '0'],
      ['Email/get', { accountId, '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['messageId'] }, '1'],
    ];
    const answer = await fetch('/jmap/api', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ using, methodCalls }) });
    return Object.fromEntries((await answer.json()).methodResponses[1][1].list.map(({ id, messageId }) => [messageId[0].split('@')[0], id]));
  })()`);

/** What stands in the frame of a message: code for the page, which knows a document. */
const looked = (id: string): string => `(() => {
  const shown = document.querySelector('[data-message="${id}"] iframe');
  const all = [...(shown?.contentDocument?.querySelectorAll('body, body *') ?? [])];
  const forbidden = /^(?:script|svg|math|iframe|object|embed|form|input|link|meta|base|video|audio|template|noscript)$/;
  return {
    sandbox: shown?.getAttribute('sandbox') ?? '',
    hostile: window.hostile,
    handlers: all.flatMap((element) => element.getAttributeNames().filter((name) => name.startsWith('on'))),
    elements: all.map(({ localName }) => localName).filter((name) => forbidden.test(name)),
    covering: all.filter((element) => ['fixed', 'sticky', 'absolute'].includes(getComputedStyle(element).position)).length,
  };
})()`;

test(`${HOSTILE_VECTORS.length} hostile messages: no script runs, no request leaves the page`, async () => {
  expect(HOSTILE_VECTORS.length).toBeGreaterThanOrEqual(100);
  const first = (n: number): number => n - (n % CONVERSATION);
  const message = (vector: string, n: number): Buffer =>
    composeSample(
      {
        from: `H${n} <h${n}@elsewhere.example>`,
        subject: `hostile ${first(n)}`,
        id: `hostile-${n}`,
        ...(n === first(n) ? {} : { inReplyTo: `hostile-${first(n)}` }),
        html: `<p>begin-${n}</p>${vector}`,
      },
      USER,
    );
  const messages = HOSTILE_VECTORS.map(message);
  await deliverAll(messages.filter((_, n) => n === first(n)));
  await deliverAll(messages.filter((_, n) => n !== first(n)));
  const context = await browser.open();
  const page = await browser.signIn(context, USER);
  await page.locator('[data-email]').first().waitFor();
  const origin = new URL(page.url()).origin;
  const outside: string[] = [];
  const dialogs: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !/^(?:data|blob|about):/.test(request.url()))
      outside.push(request.url());
  });
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  const ids = await emailIds(page);
  for (const [n, vector] of HOSTILE_VECTORS.entries()) {
    const id = ids[`hostile-${n}`];
    expect(id, `hostile-${n} has come in`).toBeDefined();
    if (n === first(n)) {
      await page.evaluate(
        `history.pushState(null, '', '/mail/inbox/${id}'); dispatchEvent(new PopStateEvent('popstate'));`,
      );
    }
    const begin = page.frameLocator(`[data-message="${id}"] iframe`).getByText(`begin-${n}`, { exact: true });
    // One that counted as read when the conversation was drawn is folded up.
    const folded = page.locator('button[aria-expanded=false]').and(page.getByTitle(new RegExp(`\\bH${n}\\b`)));
    await begin.or(folded).first().waitFor({ state: 'attached' });
    if ((await begin.count()) === 0) await folded.first().click();
    await begin.waitFor({ state: 'attached' });
    expect(await page.evaluate(looked(id ?? '')), `${n}: ${vector}`).toEqual({
      sandbox: 'allow-same-origin allow-popups allow-popups-to-escape-sandbox',
      hostile: undefined,
      handlers: [],
      elements: [],
      covering: 0,
    });
    expect({ outside, dialogs }, `${n}: ${vector}`).toEqual({ outside: [], dialogs: [] });
  }
  await context.close();
}, 600_000);
