import { connect, type TLSSocket } from 'node:tls';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, PATIENCE, row } from '../app-under-test.ts';

const USER = 'user3@domain1.example';
const COUNT = process.env.POSTERN_TEST_FULL === '1' ? 100_000 : 10_000;
const AT_A_TIME = 1_000;

/** A list that is too long to be held. */
export function longListFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    await fill(app, 'Long', COUNT);
    context = await app.browser.open();
    page = await app.browser.signIn(context, USER);
  }, 400_000);
  afterAll(() => context?.close());

  test(`${COUNT} messages: the first are there at once, any place is reached, few rows are in the page`, async () => {
    await page.getByRole('link', { name: 'Long' }).click();
    await row(page, `Number ${COUNT - 1}`)
      .first()
      .waitFor();
    const grid = page.getByRole('grid');
    expect(await grid.getAttribute('aria-rowcount')).toBe(String(COUNT));
    const scrollTo = (part: number) =>
      page.evaluate(
        `(() => { const list = document.querySelector('.list'); list.scrollTop = list.scrollHeight * ${part}; })()`,
      );
    for (const [part, number] of [
      [1, 0],
      [0.5, COUNT / 2],
      [0.25, COUNT * 0.75],
    ] as const) {
      await scrollTo(part);
      await row(page, `Number ${number}`).first().waitFor();
      expect(await page.getByRole('row').count()).toBeLessThan(60);
    }
    // A flight over all of it, in steps of a screen: what comes into view is read, and nothing else is kept.
    for (let part = 0.25; part < 1; part += 0.05) await scrollTo(part);
    await scrollTo(1);
    await row(page, 'Number 1').first().waitFor();
    await page.keyboard.press('Home');
    await expect.poll(() => page.getByRole('row').count(), PATIENCE).toBeLessThan(60);
  });
}

/** By IMAP, a thousand in a command (RFC 3502). */
async function fill({ stack }: AppUnderTest, mailbox: string, count: number): Promise<void> {
  const { host, port } = stack.endpoints.imaps;
  const socket = connect({ host, port, rejectUnauthorized: false });
  const until = answers(socket);
  await until('* OK');
  socket.write(`a1 LOGIN ${USER} user3\r\na2 CREATE ${mailbox}\r\n`);
  await until('a2 OK');
  for (let at = 0; at < count; at += AT_A_TIME) {
    const messages = Array.from({ length: Math.min(AT_A_TIME, count - at) }, (_, n) => {
      const number = at + n;
      const text = `From: S${number % 97} <s${number % 97}@elsewhere.example>\r\nSubject: Number ${number}\r\nMessage-ID: <n${number}@elsewhere.example>\r\nDate: ${new Date(1.7e12 + number * 60_000).toUTCString()}\r\n\r\nText ${number}.\r\n`;
      return `(\\Seen) {${text.length}+}\r\n${text}`;
    });
    socket.write(`b${at} APPEND ${mailbox} ${messages.join(' ')}\r\n`);
    await until(`b${at} OK`);
  }
  socket.destroy();
}

/** Waits for a line of an answer; what came before it is passed over. */
function answers(socket: TLSSocket): (line: string) => Promise<void> {
  let text = '';
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    wake();
  });
  return async (line) => {
    while (!text.includes(line)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    text = '';
  };
}
