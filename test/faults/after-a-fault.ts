import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RelaySettings } from '@postern/infra/demo/configuration.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { openMailstore } from '@postern/store/mailstore/mailstore.ts';
import { expect } from 'vitest';
import type { TestStack } from '../support/stack.ts';
import { compareWithInboxes } from './ledger.ts';
import { readInbox } from './mailbox-reader.ts';
import { ACCOUNTS } from './sent-message.ts';
import type { Attempt } from './smtp-sender.ts';
import { orphansIn, recountStore } from './store-recount.ts';

/** A queue that tries again soon: the tests wait for it. */
export function impatient(settings: RelaySettings): RelaySettings {
  return { ...settings, spool: { ...settings.spool, storeTestMs: 100, retryMs: 200, maxRetryMs: 1_000 } };
}

/** Names in a folder of the spool. */
export function spooled(stack: TestStack, folder: 'active' | 'held' | 'damaged' | 'tmp'): string[] {
  return readdirSync(join(stack.spoolFolder, folder));
}

/** Waits until the gateway has delivered all that it spooled. */
export async function untilSpoolIsEmpty(stack: TestStack, deadlineMs = 60_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (spooled(stack, 'active').length > 0) {
    if (Date.now() > deadline)
      throw new Error(`still in the spool: ${spooled(stack, 'active').slice(0, 10).join(' ')}`);
    await pause(50);
  }
}

/** The same after every fault: senders' promises against mailboxes, the books of the store, nothing left over in the spool. */
export async function expectAllIsWell(stack: TestStack, attempts: readonly Attempt[]): Promise<void> {
  await untilSpoolIsEmpty(stack);
  const inboxes = [];
  for (const account of ACCOUNTS) inboxes.push(await readInbox(stack, account));
  expect(compareWithInboxes(attempts, inboxes)).toEqual([]);
  expect(await recountStore(stack.database.url)).toEqual([]);
  expect(await checkedAfterCollection(stack.database.url)).toEqual([]);
  for (const folder of ['held', 'damaged', 'tmp'] as const) expect(spooled(stack, folder), folder).toEqual([]);
}

/**
 * What `postern-store check --bodies` finds after a collection of garbage with no grace at all, which takes every body that
 * nothing refers to, and must take no other; and whether such bodies are left.
 */
async function checkedAfterCollection(databaseUrl: string): Promise<string[]> {
  const mailstore = await openMailstore({
    url: databaseUrl,
    connections: 2,
    log: silentLog(),
    migrate: false,
    contentGraceMs: 0,
  });
  try {
    // A day ahead: bodies count that were touched by a clock that had jumped.
    await mailstore.collectGarbage(new Date(Date.now() + 86_400_000));
    const found: string[] = [];
    await mailstore.maintenance.verify({ bodies: true }, ({ text }) => found.push(text));
    return [...found, ...(await orphansIn(databaseUrl))];
  } finally {
    await mailstore.close();
  }
}
