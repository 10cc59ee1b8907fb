import { silentLog } from '@postern/shared/runtime/log.ts';
import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DELETED, FLAGGED, SEEN } from '../../store/mailstore/flags.ts';
import { type Mailstore, openMailstore, type SelectedMailbox } from '../../store/mailstore/mailstore.ts';
import { appendLetters, mailboxOf, NO_QUOTA, range, somebody } from '../support/mailstore.ts';
import { startTestDatabase, type TestDatabase, WITHOUT_POWER_CUTS } from '../support/mariadb.ts';

/** A mailbox in memory catches up with what other nodes do to it. */

let server: TestDatabase;
let writer: Mailstore;
let reader: Mailstore;

beforeAll(async () => {
  server = await startTestDatabase(WITHOUT_POWER_CUTS);
  writer = await openMailstore({ url: server.url, connections: 4, log: silentLog() });
  reader = await openMailstore({ url: server.url, connections: 4, log: silentLog() });
});

afterAll(async () => {
  await writer?.close();
  await reader?.close();
  await server?.stop();
});

async function open(store: Mailstore, id: number): Promise<SelectedMailbox> {
  const view = await store.mailboxes.open(id, { claimRecent: false });
  if (view === undefined) throw new Error('no such mailbox');
  return view;
}

/** UID, flags, keywords and mod-sequence of each message. */
function contentsOf(view: SelectedMailbox): unknown[] {
  const { uids, modSeqs } = view.columns;
  return range(1, view.exists).map((n) => [uids[n - 1], view.flagsAt(n), modSeqs[n - 1]]);
}

/** What the view shows after catching up, and what is there. */
async function compared(view: SelectedMailbox, id: number): Promise<void> {
  expect(await view.refresh()).toBe('current');
  view.take({ expunges: true });
  const fresh = await openMailstore({ url: server.url, connections: 2, log: silentLog(), migrate: false });
  const there = await open(fresh, id);
  expect(contentsOf(view)).toEqual(contentsOf(there));
  there.close();
  await fresh.close();
}

const flag = (keyword: string | undefined) => ({
  how: 'add' as const,
  flags: { system: keyword === undefined ? FLAGGED : SEEN, keywords: keyword === undefined ? [] : [keyword] },
});

describe('a mailbox in memory', () => {
  it('shows what another node appended, marked, copied, moved and expunged, however the steps fall together', async () => {
    const account = await somebody(writer);
    const [inbox, other] = [await mailboxOf(writer, account), await mailboxOf(writer, account, 'Archive')];
    await appendLetters(writer, inbox, 60, { same: true });
    const view = await open(reader, inbox);
    const uids = fc
      .uniqueArray(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 })
      .map((a) => a.sort((x, y) => x - y));
    const step = fc.oneof(
      fc.record({ kind: fc.constant('flag' as const), uids, keyword: fc.constantFrom(undefined, 'one', 'two') }),
      fc.record({ kind: fc.constantFrom('copy' as const, 'back' as const, 'move' as const, 'expunge' as const), uids }),
      fc.record({ kind: fc.constant('append' as const), uids }),
    );
    const run = async (act: typeof step extends fc.Arbitrary<infer S> ? S : never): Promise<void> => {
      const { messages } = writer;
      if (act.kind === 'flag') await messages.storeFlags(inbox, act.uids, flag(act.keyword));
      else if (act.kind === 'append') await appendLetters(writer, inbox, Math.min(act.uids.length, 5), { same: true });
      else if (act.kind === 'copy') await messages.copy(inbox, act.uids.slice(0, 10), other, NO_QUOTA);
      else if (act.kind === 'back') await messages.copy(other, act.uids, inbox, NO_QUOTA);
      else if (act.kind === 'move') await messages.move(inbox, act.uids.slice(0, 3), other, NO_QUOTA);
      else {
        const gone = act.uids.slice(0, 3);
        await messages.storeFlags(inbox, gone, { how: 'add', flags: { system: DELETED, keywords: [] } });
        await messages.expunge(inbox, gone);
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const each of steps) await run(each);
        await compared(view, inbox);
      }),
      { numRuns: 15, endOnFailure: true },
    );
    view.close();
  });

  it('that fell far behind is read anew, and nobody misses what was forgotten', async () => {
    const account = await somebody(writer);
    const inbox = await mailboxOf(writer, account);
    await appendLetters(writer, inbox, 20, { same: true });
    const view = await open(reader, inbox);
    await writer.messages.storeFlags(inbox, [3, 5, 7], flag(undefined));
    const connection = await createConnection(server.url);
    // As if the account had seen twenty thousand transactions since.
    await connection.query('UPDATE account SET modseq = modseq + 20000 WHERE id = ?', [account.id]);
    await writer.messages.storeFlags(inbox, [11], flag('late'));
    await writer.collectGarbage();
    const [rows] = await connection.query('SELECT COUNT(*) AS n FROM message_change WHERE mailbox_id = ?', [inbox]);
    await connection.end();
    expect(rows).toEqual([{ n: 1 }]);
    await compared(view, inbox);
    expect(view.flagsAt(5).system).toBe(FLAGGED);
    view.close();
  });
});
