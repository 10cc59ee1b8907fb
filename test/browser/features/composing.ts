import type { BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, openMessage, PATIENCE, row, toast, undoIn } from '../app-under-test.ts';
import { samplePicture } from '../sample-mail.ts';

const WRITER = 'user1@domain1.example';
const READER = 'user4@domain2.example';
const OCTETS = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 37 + (index >> 3)) & 0xff));
const PICTURE = samplePicture(40, 30, [42, 95, 99]);
const TABLE =
  '<table bgcolor="#fbe9d0" style="border-collapse:collapse"><tr><td style="color:#8a2c4a;padding:6px"><b>4 beds</b></td></tr></table>';

/** Writing; what arrives is read by IMAP, as another program would. */
export function composingFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    context = await app.browser.open();
    page = await app.browser.signIn(context, WRITER);
  });
  afterAll(() => context?.close());

  const editor = (): Locator => page.getByRole('textbox', { name: 'Text of the message' });
  async function begin(to: string, subject: string, text: string): Promise<void> {
    await page.getByRole('button', { name: 'Write' }).click();
    await page.getByRole('combobox', { name: 'To' }).fill(to);
    await page.keyboard.press('Enter');
    await page.getByLabel('Subject').fill(subject);
    await editor().click();
    await page.keyboard.type(text);
  }
  /** Files dropped or pasted from outside the page, which only the page's own objects can carry. */
  const bring = (how: 'drop' | 'paste', target: string, name: string, type: string, octets: Buffer): Promise<unknown> =>
    page.evaluate(`(() => {
      const octets = Uint8Array.from(atob('${octets.toString('base64')}'), (each) => each.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([octets], '${name}', { type: '${type}' }));
      const event = '${how}' === 'drop'
        ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
        : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true });
      document.querySelector('${target}').dispatchEvent(event);
    })()`);

  test('who forgets the attachment is asked; a sent message is taken back, and nobody gets it', async () => {
    await begin(READER, 'Taken back', 'The report is attached.');
    await page.keyboard.press('Control+Enter');
    await page.getByText('nothing is attached').waitFor();
    await page.getByRole('button', { name: 'Send anyway' }).click();
    await undoIn(page, 'Sent.');
    await toast(page, 'Taken back. Nobody got it.');
    await expect.poll(() => page.getByLabel('Subject').inputValue(), PATIENCE).toBe('Taken back');
    await app.untilThere(WRITER, 'Drafts', 'Taken back');
    await app.untilThere(WRITER, 'Sent', 'Taken back', 0);
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Discard' }).click();
    await app.untilThere(WRITER, 'Drafts', 'Taken back', 0);
    expect(await app.seenByImap(READER, 'INBOX', 'Taken back')).toEqual([]);
    // From here on nothing waits.
    await page.goto(new URL('/settings/general', page.url()).href);
    await page.getByLabel('Time to take a sent message back').selectOption('0');
    await page.getByRole('button', { name: 'Back' }).click();
  });

  test('formats, a dropped file with its progress, and a pasted picture in the text arrive octet for octet', async () => {
    await begin(READER, 'With a file', 'Plain ');
    await page.getByRole('button', { name: 'Bold' }).click();
    await page.keyboard.type('and bold ');
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route('**/jmap/upload/**', async (route) => {
      await held;
      await route.continue();
    });
    await bring('drop', '.compose-head', 'data.bin', 'application/octet-stream', OCTETS);
    await page.getByRole('progressbar', { name: 'Uploading data.bin' }).waitFor();
    release();
    await page.getByText('4 kB').waitFor();
    await page.unrouteAll();
    await bring('paste', '.compose-rich', 'picture.png', 'image/png', PICTURE);
    await page.locator('.compose-rich img').waitFor();
    await page.getByText('Saved', { exact: true }).waitFor();
    await page.keyboard.press('Control+Enter');
    await toast(page, 'Sent.');
    const parts = await app.partsOf(READER, 'INBOX', 'With a file');
    expect(parts.get('data.bin')?.equals(OCTETS)).toBe(true);
    expect(parts.get('picture.png')?.equals(PICTURE)).toBe(true);
    expect(parts.get('text/plain')?.toString()).toContain('Plain and bold');
    const html = parts.get('text/html')?.toString() ?? '';
    expect(html).toMatch(/<b>and bold/);
    const cid = /src="cid:([^"]+)"/.exec(html)?.[1] ?? 'none';
    expect(parts.get('source')?.toString('latin1')).toContain(`Content-ID: <${cid}>`);
    await app.untilThere(WRITER, 'Sent', 'With a file');
    await app.untilThere(WRITER, 'Drafts', 'With a file', 0);
  });

  test('plain text is plain; people whom one wrote to are offered', async () => {
    await page.getByRole('button', { name: 'Write' }).click();
    await page.getByRole('combobox', { name: 'To' }).pressSequentially('user4');
    await page.getByRole('option', { name: READER }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: `Remove ${READER}` }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Formatted text' }).click();
    await page.getByLabel('Subject').fill('All plain');
    await editor().fill('Nothing but text.\n\nReally.');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await toast(page, 'Sent.');
    const parts = await app.partsOf(READER, 'INBOX', 'All plain');
    expect([...parts.keys()]).toEqual(['source', 'text/plain']);
    expect(parts.get('text/plain')?.toString().replaceAll('\r\n', '\n')).toBe('Nothing but text.\n\nReally.\n');
  });

  test('identities: another address, its signature', async () => {
    await page.goto(new URL('/settings/identities', page.url()).href);
    await page.getByRole('button', { name: 'Add an identity' }).click();
    await page.getByLabel('Name').fill('Information desk');
    await page.getByLabel('Address').fill('info@domain1.example');
    await page.getByLabel('Signature').fill('The desk\nGround floor');
    await page.getByRole('button', { name: 'Save' }).click();
    await toast(page, 'Saved.');
    await page.getByRole('button', { name: 'Back' }).click();
    await begin(READER, 'From the desk', 'Hello');
    await page
      .getByRole('combobox', { name: 'From' })
      .selectOption({ label: 'Information desk <info@domain1.example>' });
    await editor().getByText('Ground floor').waitFor();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await toast(page, 'Sent.');
    const source = await app.sourceOf(READER, 'INBOX', 'From the desk');
    expect(source).toMatch(/^From: (?:"Information desk"|Information desk) <info@domain1\.example>/m);
    const text = (await app.partsOf(READER, 'INBOX', 'From the desk')).get('text/plain')?.toString() ?? '';
    expect(text.replaceAll('\r\n', '\n')).toMatch(/Hello\s+-- \nThe desk\nGround floor/);
  });

  test('a draft survives the closed tab, and is continued', async () => {
    await begin(READER, 'Half written', 'Not yet ');
    await page.getByText('Saved', { exact: true }).waitFor();
    await page.close();
    await app.untilThere(WRITER, 'Drafts', 'Half written');
    page = await app.browser.openPage(context, '/mail/drafts');
    await openMessage(page, 'Half written');
    await page.getByRole('button', { name: 'Edit' }).first().click();
    await editor().getByText('Not yet').waitFor();
    await page.getByRole('button', { name: 'Minimise' }).click();
    await page.getByRole('button', { name: 'Half written', exact: true }).click();
    await editor().press('Control+End');
    await page.keyboard.type('done.');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await toast(page, 'Sent.');
    expect((await app.partsOf(READER, 'INBOX', 'Half written')).get('text/plain')?.toString()).toContain(
      'Not yet done.',
    );
    await app.untilThere(WRITER, 'Drafts', 'Half written', 0);
  });

  test('a reply and a forward keep the original’s HTML and files; a look at the editor alone saves nothing', async () => {
    await app.deliver(WRITER, [
      {
        from: 'Ines <ines@north.example>',
        subject: 'Which room?',
        id: 'room',
        html: `<p>We have</p>${TABLE}<p><img src="cid:plan"> and a plan.</p>`,
        headers: ['Cc: Omar <omar@north.example>'],
        attachments: [
          { name: 'plan.png', type: 'image/png', cid: 'plan', content: PICTURE },
          { name: 'prices.txt', type: 'text/plain', content: Buffer.from('4 beds: 80\r\n') },
        ],
      },
    ]);
    await page.getByRole('link', { name: 'Inbox' }).click();
    await openMessage(page, 'Which room?');
    await page.keyboard.press('a');
    await editor().getByText('4 beds').waitFor();
    await page.getByRole('button', { name: 'Remove Ines <ines@north.example>' }).waitFor();
    await page.getByRole('button', { name: 'Remove Omar <omar@north.example>' }).waitFor();
    await page.getByRole('button', { name: 'Save and close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await app.seenByImap(WRITER, 'Drafts', 'Which room?')).toEqual([]);

    await page.keyboard.press('r');
    await editor().getByText('4 beds').waitFor();
    await page.keyboard.type('The one with 4.');
    await page.getByRole('combobox', { name: 'To' }).fill(READER);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove Ines <ines@north.example>' }).click();
    await page.keyboard.press('Control+Enter');
    await toast(page, 'Sent.');
    const reply = await app.partsOf(READER, 'INBOX', 'Re: Which room?');
    const html = reply.get('text/html')?.toString() ?? '';
    expect(html).toMatch(
      /<blockquote[^>]*>.*<table bgcolor="#fbe9d0" style="border-collapse: ?collapse;?">.*<b>4 beds<\/b>/s,
    );
    expect(html).toMatch(/<td style="color: ?(?:#8a2c4a|rgb\(138, 44, 74\)); ?padding: ?6px;?">/);
    expect(reply.get('plan.png')?.equals(PICTURE)).toBe(true);
    expect(reply.get('source')?.toString('latin1')).toMatch(/^In-Reply-To: <room@elsewhere\.example>/m);
    await app.untilFlagged(WRITER, 'INBOX', 'Which room?', '\\Answered');

    await page.keyboard.press('f');
    await editor().getByText('4 beds').waitFor();
    await page.getByRole('combobox', { name: 'To' }).fill(READER);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+Enter');
    await toast(page, 'Sent.');
    const forward = await app.partsOf(READER, 'INBOX', 'Fwd: Which room?');
    expect(forward.get('text/html')?.toString()).toContain('<b>4 beds</b>');
    expect(forward.get('prices.txt')?.toString()).toBe('4 beds: 80\r\n');
    expect(forward.get('plan.png')?.equals(PICTURE)).toBe(true);
    await app.untilFlagged(WRITER, 'INBOX', 'Which room?', '$Forwarded');
  });

  test('a message for later is listed, and is a draft again when it is taken back', async () => {
    await begin(READER, 'For later', 'Good morning');
    await page.getByRole('button', { name: 'Send later' }).click();
    await page.getByRole('button', { name: /Tomorrow morning/ }).click();
    await toast(page, /It will be sent on/);
    const phone = await app.browser.open({ width: 375, height: 740, dark: true });
    const small = await app.browser.signIn(phone, WRITER, { path: '/settings/scheduled' });
    const waiting = small.getByRole('listitem').filter({ hasText: 'For later' });
    await waiting.getByText(READER).waitFor();
    await waiting.getByRole('button', { name: 'Take back' }).click();
    await small.getByText('Nothing waits to be sent.').waitFor();
    await expect.poll(() => small.getByLabel('Subject').inputValue(), PATIENCE).toBe('For later');
    await phone.close();
    await app.untilThere(WRITER, 'Drafts', 'For later');
    await app.untilThere(WRITER, 'Sent', 'For later', 0);
    expect(await app.seenByImap(READER, 'INBOX', 'For later')).toEqual([]);
    await page.getByRole('link', { name: 'Drafts' }).click();
    await row(page, 'For later').waitFor();
  });
}
