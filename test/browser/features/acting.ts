import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppUnderTest, openMessage, PATIENCE, row, toast, undoIn } from '../app-under-test.ts';

const USER = 'user1@domain1.example';
const SUBJECTS = ['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Ginkgo', 'Hazel'] as const;

/** What is done with messages: shown at once, true by IMAP, and undone. */
export function actingFeatures(given: () => AppUnderTest): void {
  let app: AppUnderTest;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    app = given();
    await app.deliver(
      USER,
      SUBJECTS.map((subject, n) => ({
        from: `Tree ${n} <tree${n}@forest.example>`,
        subject,
        id: `tree-${n}`,
        text: `Of the ${subject}.`,
      })),
    );
    context = await app.browser.open();
    page = await app.browser.signIn(context, USER);
    await row(page, 'Hazel').waitFor();
  });
  afterAll(() => context?.close());

  const selectRow = (subject: string): Promise<void> => row(page, subject).getByRole('checkbox').check({ force: true });
  const bar = () => page.locator('.list-head-selected');

  test('archive, delete, junk: gone at once, there by IMAP, and back by undo', async () => {
    for (const [button, said, mailbox] of [
      ['Archive', 'Archived.', 'Archive'],
      ['Delete', 'Moved to trash.', 'Trash'],
      ['Junk', 'Marked as junk.', 'Junk'],
    ] as const) {
      await selectRow('Alder');
      await bar().getByRole('button', { name: button, exact: true }).click();
      await row(page, 'Alder').waitFor({ state: 'detached' });
      await toast(page, said);
      await app.untilThere(USER, mailbox, 'Alder');
      await undoIn(page, said);
      await toast(page, 'Undone.');
      await row(page, 'Alder').waitFor();
      await app.untilThere(USER, 'INBOX', 'Alder');
      await app.untilThere(USER, mailbox, 'Alder', 0);
    }
  });

  test('flag and mark as read: seen by IMAP, and taken back', async () => {
    await row(page, 'Birch').getByRole('button', { name: 'Flag Birch' }).click();
    await app.untilFlagged(USER, 'INBOX', 'Birch', '\\Flagged');
    await undoIn(page, 'Flagged.');
    await app.untilFlagged(USER, 'INBOX', 'Birch', '\\Flagged', false);
    await selectRow('Birch');
    await bar().getByRole('button', { name: 'Mark as read' }).click();
    await app.untilFlagged(USER, 'INBOX', 'Birch', '\\Seen');
    await undoIn(page, 'Marked as read.');
    await app.untilFlagged(USER, 'INBOX', 'Birch', '\\Seen', false);
  });

  test('several at a time: a range by Shift, one more by Ctrl, moved together, undone together', async () => {
    await selectRow('Hazel');
    await row(page, 'Fir').click({ modifiers: ['Shift'] });
    await row(page, 'Dogwood').click({ modifiers: ['Control'] });
    await page.getByText('4 selected').waitFor();
    await bar().getByRole('button', { name: 'Move to…' }).click();
    await page.getByRole('textbox', { name: 'Find a mailbox' }).fill('arch');
    await page.keyboard.press('Enter');
    await toast(page, '4 messages moved to Archive.');
    for (const subject of ['Hazel', 'Ginkgo', 'Fir', 'Dogwood']) await app.untilThere(USER, 'Archive', subject);
    expect(await row(page, 'Elm').count()).toBe(1);
    await undoIn(page, '4 messages moved');
    for (const subject of ['Hazel', 'Ginkgo', 'Fir', 'Dogwood']) await app.untilThere(USER, 'INBOX', subject);
    await row(page, 'Dogwood').waitFor();
  });

  test('mailboxes are made, made below, renamed, filled by drag and drop, and deleted', async () => {
    const pane = page.getByRole('navigation', { name: 'Mailboxes' });
    const name = async (text: string, button: string): Promise<void> => {
      await page.getByRole('dialog').getByLabel('Name').fill(text);
      await page.getByRole('dialog').getByRole('button', { name: button, exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    };
    const choose = async (mailbox: string, item: string): Promise<void> => {
      await pane.getByRole('button', { name: `Actions of ${mailbox}` }).click({ force: true });
      await page.getByRole('menuitem', { name: item, exact: true }).click();
    };
    await pane.getByRole('button', { name: 'New mailbox', exact: true }).click();
    await name('Forrest', 'Create');
    await choose('Forrest', 'Rename');
    await name('Forest', 'Rename');
    await choose('Forest', 'New mailbox inside');
    await name('Conifers', 'Create');
    await row(page, 'Fir').dragTo(pane.getByRole('link', { name: 'Conifers' }));
    await toast(page, 'Moved to Conifers.');
    await app.untilThere(USER, 'Forest/Conifers', 'Fir');
    await selectRow('Cedar');
    await selectRow('Elm');
    await row(page, 'Elm').dragTo(pane.getByRole('link', { name: 'Forest' }));
    await toast(page, '2 messages moved to Forest.');
    await app.untilThere(USER, 'Forest', 'Cedar');
    await app.untilThere(USER, 'Forest', 'Elm');
    await undoIn(page, '2 messages moved to Forest.');
    await app.untilThere(USER, 'INBOX', 'Cedar');
    await pane.getByRole('link', { name: 'Conifers' }).click();
    await row(page, 'Fir').waitFor();
    await choose('Conifers', 'Delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, 'Hazel').waitFor();
    await choose('Forest', 'Unsubscribe');
    await expect
      .poll(async () => {
        const listed = await (await app.imap(USER)).list();
        return listed.flatMap(({ path, subscribed }) =>
          path.startsWith('Forest') ? [[path, subscribed === true]] : [],
        );
      }, PATIENCE)
      .toEqual([['Forest', false]]);
  });

  test('labels are keywords: made, shown, listed, taken away', async () => {
    await openMessage(page, 'Ginkgo');
    await page.keyboard.press('l');
    await page.getByRole('textbox', { name: 'Find or make a label' }).fill('Old trees');
    await page.keyboard.press('Enter');
    await app.untilFlagged(USER, 'INBOX', 'Ginkgo', 'old-trees');
    await page.keyboard.press('Escape');
    await row(page, 'Ginkgo').getByText('Old trees').waitFor();
    await page.getByRole('navigation', { name: 'Mailboxes' }).getByRole('button', { name: 'Old trees' }).click();
    await row(page, 'Ginkgo').waitFor();
    await expect.poll(() => page.locator('[data-email]').count()).toBe(1);
    await row(page, 'Ginkgo').click();
    await page.keyboard.press('l');
    await page.getByRole('checkbox', { name: 'Old trees' }).uncheck();
    await app.untilFlagged(USER, 'INBOX', 'Ginkgo', 'old-trees', false);
    await page.keyboard.press('Escape');
  });

  test('the trash is emptied for good, after a question', async () => {
    await page.goto(new URL('/mail/inbox', page.url()).href);
    await selectRow('Alder');
    await bar().getByRole('button', { name: 'Delete', exact: true }).click();
    await app.untilThere(USER, 'Trash', 'Alder');
    await page.getByRole('link', { name: 'Trash' }).click();
    await row(page, 'Alder').waitFor();
    await page.getByRole('button', { name: 'Empty the trash' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
    await toast(page, 'Deleted for good.');
    await app.untilThere(USER, 'Trash', 'Alder', 0);
  });
}
