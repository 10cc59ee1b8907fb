import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroupCommit, LOCKED } from './group-commit.ts';

interface Item {
  readonly account: string;
  readonly n: number;
}

interface Commit {
  readonly items: readonly Item[];
  readonly alone: boolean;
  end(): void;
  fail(fault: Error): void;
}

/** A database of which the test decides when each commit ends, and which accounts are locked. */
function fakeDatabase(limits: { maxBatch?: number; maxWaiting?: number; deadlineMs?: number } = {}) {
  const commits: Commit[] = [];
  const locked = new Set<string>();
  const hold = (items: readonly Item[], alone: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      commits.push({ items, alone, end: () => resolve(), fail: reject });
    });
  const group = new GroupCommit<Item, string>({
    accountOf: (item) => item.account,
    commitTogether: async (items) => {
      const skip = new Set(locked);
      await hold(items, false);
      return items.map((item) => (skip.has(item.account) ? LOCKED : `stored ${item.n}`));
    },
    commitAlone: async (items) => {
      await hold(items, true);
      return items.map((item) => `stored ${item.n} alone`);
    },
    maxBatch: limits.maxBatch ?? 50,
    maxWaiting: limits.maxWaiting ?? 1000,
    maxLockedAccounts: 2,
    deadlineMs: limits.deadlineMs ?? 60_000,
  });
  return { group, commits, locked };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (commit: Commit | undefined): number[] | undefined => commit?.items.map((item) => item.n);

describe('GroupCommit', () => {
  it('commits a lone item at once', async () => {
    const { group, commits } = fakeDatabase();
    const answer = group.submit({ account: 'a', n: 1 });
    await turn();
    expect(numbers(commits[0])).toEqual([1]);
    commits[0]?.end();
    expect(await answer).toEqual({ kind: 'decided', verdict: 'stored 1' });
    expect(group.held).toBe(0);
  });

  it('gathers what arrives during a commit into the next, at most maxBatch, one in flight', async () => {
    const { group, commits } = fakeDatabase({ maxBatch: 3 });
    const answers = [group.submit({ account: 'a', n: 0 })];
    await turn();
    for (let n = 1; n <= 5; n++) answers.push(group.submit({ account: `a${n}`, n }));
    await turn();
    expect(commits).toHaveLength(1);
    commits[0]?.end();
    await turn();
    expect(commits).toHaveLength(2);
    expect(numbers(commits[1])).toEqual([1, 2, 3]);
    commits[1]?.end();
    await turn();
    expect(numbers(commits[2])).toEqual([4, 5]);
    commits[2]?.end();
    expect(await Promise.all(answers)).toHaveLength(6);
  });

  it('serves a locked account in a lane of its own, in order, and holds up nobody else', async () => {
    const { group, commits, locked } = fakeDatabase();
    locked.add('busy');
    const first = group.submit({ account: 'busy', n: 1 });
    const neighbour = group.submit({ account: 'free', n: 2 });
    await turn();
    const second = group.submit({ account: 'busy', n: 3 });
    commits[0]?.end();
    expect(await neighbour).toEqual({ kind: 'decided', verdict: 'stored 2' });
    await turn();
    expect(commits[1]).toMatchObject({ alone: true });
    expect(numbers(commits[1])).toEqual([1, 3]);

    const other = group.submit({ account: 'free', n: 4 });
    const third = group.submit({ account: 'busy', n: 5 });
    await turn();
    expect(numbers(commits[2])).toEqual([4]);
    commits[2]?.end();
    expect(await other).toEqual({ kind: 'decided', verdict: 'stored 4' });

    commits[1]?.end();
    expect(await first).toEqual({ kind: 'decided', verdict: 'stored 1 alone' });
    expect(await second).toEqual({ kind: 'decided', verdict: 'stored 3 alone' });
    await turn();
    expect(numbers(commits[3])).toEqual([5]);
    commits[3]?.end();
    expect(await third).toEqual({ kind: 'decided', verdict: 'stored 5 alone' });
    await group.drained();
  });

  it('waits for at most maxLockedAccounts locks at a time', async () => {
    const { group, commits, locked } = fakeDatabase();
    for (const account of ['a', 'b', 'c']) locked.add(account);
    const answers = ['a', 'b', 'c'].map((account, n) => group.submit({ account, n }));
    await turn();
    commits[0]?.end();
    await turn();
    expect(commits.slice(1).map(numbers)).toEqual([[0], [1]]);
    commits[1]?.end();
    await turn();
    expect(numbers(commits[3])).toEqual([2]);
    commits[2]?.end();
    commits[3]?.end();
    expect((await Promise.all(answers)).map((a) => a.kind)).toEqual(['decided', 'decided', 'decided']);
  });

  it('gives a fault to the items of its batch alone, and goes on', async () => {
    const { group, commits } = fakeDatabase();
    const failing = group.submit({ account: 'a', n: 1 });
    await turn();
    const next = group.submit({ account: 'a', n: 2 });
    commits[0]?.fail(new Error('connection lost'));
    await expect(failing).rejects.toThrow('connection lost');
    await turn();
    commits[1]?.end();
    expect(await next).toEqual({ kind: 'decided', verdict: 'stored 2' });
  });

  it('refuses beyond its bound instead of growing', async () => {
    const { group, commits } = fakeDatabase({ maxWaiting: 2 });
    const held = [group.submit({ account: 'a', n: 1 }), group.submit({ account: 'a', n: 2 })];
    expect(await group.submit({ account: 'a', n: 3 })).toEqual({ kind: 'overloaded' });
    await turn();
    commits[0]?.end();
    await Promise.all(held);
    const again = group.submit({ account: 'a', n: 4 });
    await turn();
    commits[1]?.end();
    expect(await again).toEqual({ kind: 'decided', verdict: 'stored 4' });
  });

  it('answers late at the deadline, and does not commit what nobody waits for any more', async () => {
    const { group, commits } = fakeDatabase({ deadlineMs: 20 });
    const underWay = group.submit({ account: 'a', n: 1 });
    await turn();
    const waiting = group.submit({ account: 'a', n: 2 });
    expect(await underWay).toEqual({ kind: 'late' });
    expect(await waiting).toEqual({ kind: 'late' });
    commits[0]?.end();
    await group.drained();
    expect(commits).toHaveLength(1);
  });

  it('answers each item exactly once and keeps the order of each account, whatever is locked', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ account: fc.constantFrom('a', 'b', 'c'), locked: fc.boolean() }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        async (script, maxBatch) => {
          const stored: Item[] = [];
          const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
          const lockedAt = new Map(script.map((s, n) => [n, s.locked]));
          const group = new GroupCommit<Item, number>({
            accountOf: (item) => item.account,
            commitTogether: async (items) => {
              await pause();
              const skipped = new Set(items.filter((item) => lockedAt.get(item.n)).map((item) => item.account));
              const free = items.filter((item) => !skipped.has(item.account));
              stored.push(...free);
              return items.map((item) => (skipped.has(item.account) ? LOCKED : item.n));
            },
            commitAlone: async (items) => {
              await pause();
              await pause();
              stored.push(...items);
              return items.map((item) => item.n);
            },
            maxBatch,
            maxWaiting: 100,
            maxLockedAccounts: 1,
            deadlineMs: 60_000,
          });
          const answers: Promise<unknown>[] = [];
          for (const [n, { account }] of script.entries()) {
            answers.push(group.submit({ account, n }));
            if (n % 4 === 3) await pause();
          }
          expect(await Promise.all(answers)).toEqual(script.map((_, n) => ({ kind: 'decided', verdict: n })));
          await group.drained();
          for (const account of ['a', 'b', 'c']) {
            const order = stored.filter((item) => item.account === account).map((item) => item.n);
            expect(order).toEqual(script.flatMap((s, n) => (s.account === account ? [n] : [])));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
