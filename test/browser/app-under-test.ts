import { join } from 'node:path';
import type { ImapFlow, MessageStructureObject } from 'imapflow';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { sendOctets, signInByImap } from '../support/mailbox.ts';
import { PushService } from '../support/push-service.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { MailBrowser, PATIENCE_MS } from './mail-browser.ts';
import { composeSample, type SampleMessage } from './sample-mail.ts';

export const PATIENCE = { timeout: PATIENCE_MS, interval: 150 };

/** What another program sees of a message by IMAP. */
export interface SeenByImap {
  readonly uid: number;
  /** In lower case: their case means nothing (RFC 9051 §2.3.2). */
  readonly flags: readonly string[];
}

/** The running stack, a browser before it, and IMAP behind it to see what became of what was clicked. */
export class AppUnderTest {
  readonly stack: TestStack;
  readonly browser: MailBrowser;
  /** To which browsers subscribe that want to be told. */
  readonly pushService: PushService;
  readonly #imap = new Map<string, ImapFlow>();

  private constructor(stack: TestStack, browser: MailBrowser, pushService: PushService) {
    this.stack = stack;
    this.browser = browser;
    this.pushService = pushService;
  }

  static async start(): Promise<AppUnderTest> {
    const stack = await startStack({
      withWebmail: true,
      directory: 'embedded',
      // A first try that meets a lock is not made again after a minute only.
      store: (settings) => ({ ...settings, hub: { ...settings.hub, queue: { retryMs: 500 } } }),
    });
    try {
      const service = await PushService.start(stack);
      await stack.restart('webmail', { webmail: (settings) => ({ ...settings, push: pushSettings(stack, service) }) });
      return new AppUnderTest(stack, await MailBrowser.start(stack), service);
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#imap.values()) client.close();
    await this.browser.close();
    await this.stack.stop();
    await this.pushService.close();
  }

  /** Sends messages to the gateway as a stranger would, in their order; they are in the store when it answers. */
  async deliver(user: string, messages: readonly SampleMessage[]): Promise<void> {
    for (const [n, message] of messages.entries())
      await sendOctets(this.stack, [user], composeSample(message, user, (messages.length - n) * 47));
  }

  /** One connection a user, kept. */
  async imap(user: string): Promise<ImapFlow> {
    const known = this.#imap.get(user);
    if (known?.usable === true) return known;
    const client = await signInByImap(this.stack, user);
    this.#imap.set(user, client);
    return client;
  }

  /** The messages with this in their subject in one mailbox; none when there is no such mailbox. */
  async seenByImap(user: string, mailbox: string, subject: string): Promise<SeenByImap[]> {
    const client = await this.imap(user);
    if (!(await client.list()).some(({ path }) => path === mailbox)) return [];
    const lock = await client.getMailboxLock(mailbox);
    try {
      await client.noop();
      const found: SeenByImap[] = [];
      for await (const { uid, flags, envelope } of client.fetch('1:*', { uid: true, flags: true, envelope: true }))
        if (envelope?.subject?.includes(subject) === true)
          found.push({ uid, flags: [...(flags ?? [])].map((flag) => flag.toLowerCase()) });
      return found;
    } finally {
      lock.release();
    }
  }

  /** Waits until so many messages with this subject are in the mailbox. */
  async untilThere(user: string, mailbox: string, subject: string, count = 1): Promise<void> {
    await expect
      .poll(async () => (await this.seenByImap(user, mailbox, subject)).length, {
        ...PATIENCE,
        message: `${subject} in ${mailbox}`,
      })
      .toBe(count);
  }

  /** Waits until the one message with this subject has a flag, or has it no more. */
  async untilFlagged(user: string, mailbox: string, subject: string, flag: string, has = true): Promise<void> {
    await expect
      .poll(
        async () =>
          (await this.seenByImap(user, mailbox, subject)).map(({ flags }) => flags.includes(flag.toLowerCase())),
        {
          ...PATIENCE,
          message: `${flag} of ${subject}`,
        },
      )
      .toEqual([has]);
  }

  /** Decoded parts of the newest message with this subject by file name, else by type; `source` is all of it. */
  async partsOf(user: string, mailbox: string, subject: string): Promise<Map<string, Buffer>> {
    const source = Buffer.from(await this.sourceOf(user, mailbox, subject), 'latin1');
    const uid = (await this.seenByImap(user, mailbox, subject)).at(-1)?.uid ?? 0;
    const client = await this.imap(user);
    const lock = await client.getMailboxLock(mailbox);
    try {
      const parts = new Map([['source', source]]);
      const message = await client.fetchOne(String(uid), { bodyStructure: true }, { uid: true });
      if (!message || message.bodyStructure === undefined) return parts;
      const walk = async (node: MessageStructureObject): Promise<void> => {
        for (const child of node.childNodes ?? []) await walk(child);
        if (node.type.startsWith('multipart/')) return;
        // A message of one part has no number of its own.
        const { content } = await client.download(String(uid), node.part ?? '1', { uid: true });
        if (content === undefined) return;
        const chunks: Buffer[] = [];
        for await (const chunk of content) chunks.push(chunk as Buffer);
        parts.set(node.dispositionParameters?.filename ?? node.type, Buffer.concat(chunks));
      };
      await walk(message.bodyStructure);
      return parts;
    } finally {
      lock.release();
    }
  }

  /** Octets of the newest message with this subject, once it is in the mailbox. */
  async sourceOf(user: string, mailbox: string, subject: string): Promise<string> {
    let uid = 0;
    await expect
      .poll(async () => (uid = (await this.seenByImap(user, mailbox, subject)).at(-1)?.uid ?? 0), {
        ...PATIENCE,
        message: `${subject} in ${mailbox}`,
      })
      .toBeGreaterThan(0);
    const client = await this.imap(user);
    const lock = await client.getMailboxLock(mailbox);
    try {
      const message = await client.fetchOne(String(uid), { source: true }, { uid: true });
      return message ? (message.source?.toString('latin1') ?? '') : '';
    } finally {
      lock.release();
    }
  }
}

const pushSettings = ({ folder, ca }: TestStack, { host }: PushService) => ({
  subject: 'mailto:postmaster@domain1.example',
  keyFile: join(folder, 'vapid.pem'),
  path: join(folder, 'push'),
  services: [host],
  ca,
});

/** The row of the list with this text. */
export const row = (page: Page, text: string): Locator => page.locator('[data-email]').filter({ hasText: text });

/** Opens a message by its row, and waits for its text. */
export async function openMessage(page: Page, subject: string): Promise<void> {
  await row(page, subject).first().click();
  await page.getByRole('heading', { level: 2, name: subject }).waitFor();
}

/** Presses a button of a toast. */
export const undoIn = (page: Page, said: string): Promise<void> =>
  page.locator('.toast').filter({ hasText: said }).getByRole('button', { name: 'Undo' }).click();

export const toast = (page: Page, said: string | RegExp): Promise<void> =>
  page.locator('.toast').filter({ hasText: said }).first().waitFor();
