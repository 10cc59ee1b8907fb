import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectOrderUnderContention } from './contention.ts';
import { expectLargeMailboxAsItsRows } from './large-mailbox.ts';
import { LEASES } from './leases.ts';
import { WRITE_RULE } from './write-rule.ts';

const ROUNDS = process.env.POSTERN_TEST_FULL === '1' ? 60 : 8;

/** A database that the mailstore stands on. */
export interface DatabaseUnderTest {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly missing?: string | undefined;
  /** URLs of its nodes. */
  start(): Promise<{ readonly urls: readonly string[]; stop(): Promise<void> }>;
}

/**
 * What must hold on every kind of database: numbers under contention, leases, the write rule, a large mailbox. Each kind has a test file of its own, so that they are
 * tried side by side.
 *
 * @param ofProcess also what a process does by itself with its leases: on one of them is enough
 */
export function tryOn({ name, missing, start }: DatabaseUnderTest, { ofProcess = false } = {}): void {
  describe.skipIf(missing !== undefined)(`on ${name}${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
    let server: Awaited<ReturnType<DatabaseUnderTest['start']>>;

    beforeAll(async () => {
      server = await start();
    }, 120_000);

    afterAll(() => server?.stop());

    it('several processes on one mailbox never give or show a number twice or out of order', { timeout: 120_000 }, () =>
      expectOrderUnderContention(server.urls, ROUNDS),
    );

    for (const lease of LEASES.filter((each) => each.ofProcess !== true || ofProcess)) {
      it(lease.name, { timeout: 60_000 }, () => lease.run(server.urls));
    }

    it('a mailbox of 110,000 messages is read packed, and is as its rows say', { timeout: 120_000 }, () =>
      expectLargeMailboxAsItsRows(server.urls),
    );

    for (const rule of WRITE_RULE) it(rule.name, { timeout: 60_000 }, () => rule.run(server.urls));
  });
}
