import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { expect } from 'vitest';
import { SEEN } from '../../store/mailstore/flags.ts';
import { openMailstore } from '../../store/mailstore/mailstore.ts';
import { mailboxOf, range, somebody } from '../support/mailstore.ts';

interface Told {
  readonly told: { uid: number; modSeq: number }[];
  readonly faults: string[];
  /** Deliveries that were found on record after an open COMMIT. */
  readonly recorded: number;
  /** Appends and copies whose outcome stayed open. */
  readonly open: number;
}

/**
 * Several processes deliver, append, flag and copy in one mailbox at once, each through one of the URLs (nodes of one
 * database), while somebody watches: no UID and no mod-sequence is given twice, none goes back, none shows before its message.
 */
export async function expectOrderUnderContention(urls: readonly string[], rounds: number): Promise<void> {
  const store = await openMailstore({ url: urls[0] as string, connections: 4, log: silentLog(), feedIntervalMs: 20 });
  try {
    const account = await somebody(store);
    const inbox = await mailboxOf(store, account);
    const writer = new URL('./writer.ts', import.meta.url).pathname;
    let writing = true;
    const processes = Promise.all(
      [0, 1, 2].map(async (n) => {
        const url = urls[n % urls.length] as string;
        const args = [writer, url, account.uuid, account.address, String(rounds)];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        return JSON.parse(stdout) as Told;
      }),
    ).finally(() => {
      writing = false;
    });
    const watched = watchOrder(urls.at(-1) as string, inbox, () => writing);
    const results = await processes;
    expect(results.flatMap((r) => r.faults)).toEqual([]);
    expect(await watched).toEqual([]);
    const told = results.flatMap((r) => r.told.map((m) => m.uid)).sort((a, b) => a - b);
    expect(new Set(told).size).toBe(told.length);
    for (const r of results) expect(r.told.every((m, i) => i === 0 || m.uid > (r.told[i - 1]?.uid ?? 0))).toBe(true);
    // What was told or is on record is there once; what a cluster left open may be there, once at most.
    const certain = told.length + results.reduce((n, r) => n + r.recorded, 0);
    const open = results.reduce((n, r) => n + r.open, 0);
    expect(certain + open).toBe(3 * rounds * 4);
    // This node applies what the others committed a moment later.
    const messages = async (): Promise<number> => (await store.mailboxes.status([inbox]))[0]?.messages ?? 0;
    await expect.poll(messages, { timeout: 10_000 }).toBeGreaterThanOrEqual(certain);
    const [status] = await store.mailboxes.status([inbox]);
    const count = status?.messages ?? 0;
    expect(count).toBeLessThanOrEqual(certain + open);
    expect(status).toMatchObject({ uidNext: count + 1 });
    if (open === 0 && told.length === count) expect(told).toEqual(range(1, count));
    const view = await store.mailboxes.open(inbox, { claimRecent: false });
    expect(view?.exists).toBe(count);
    const seen = told.every((uid) => ((view?.flagsAt(view.sequenceOf(uid)).system ?? 0) & SEEN) !== 0);
    expect(seen).toBe(true);
    view?.close();
  } finally {
    await store.close();
  }
}

/** Reads the mailbox again and again, as an idling session does; answers what it found out of order. */
async function watchOrder(url: string, mailboxId: number, going: () => boolean): Promise<string[]> {
  const store = await openMailstore({ url, connections: 2, log: silentLog(), feedIntervalMs: 20, migrate: false });
  const faults: string[] = [];
  // Another node of a cluster sees the new mailbox a moment after the one that made it.
  let view = await store.mailboxes.open(mailboxId, { claimRecent: false });
  for (let tries = 0; view === undefined && tries < 100; tries++) {
    await new Promise((done) => setTimeout(done, 50));
    view = await store.mailboxes.open(mailboxId, { claimRecent: false });
  }
  if (view === undefined) return ['the mailbox is gone'];
  let [uidNext, highest, known] = [0, 0, 0];
  while (going()) {
    await view.refresh();
    view.take({ expunges: true });
    if (view.uidNext < uidNext) faults.push(`UIDNEXT fell from ${uidNext} to ${view.uidNext}`);
    if (view.highestModSeq < highest) faults.push(`HIGHESTMODSEQ fell from ${highest} to ${view.highestModSeq}`);
    // All that the numbers speak of is there: messages appear in ascending order, without a gap that fills later.
    if (view.exists !== view.uidNext - 1) faults.push(`${view.exists} messages below UIDNEXT ${view.uidNext}`);
    if (view.exists < known) faults.push('messages went away');
    [uidNext, highest, known] = [view.uidNext, view.highestModSeq, view.exists];
    await new Promise((done) => setTimeout(done, 3));
  }
  view.close();
  await store.close();
  return faults;
}
