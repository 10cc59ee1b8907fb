import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL_SYSTEM_FLAGS } from '../../store/mailstore/flags.ts';
import type { FlagChange, SelectedMailbox } from '../../store/mailstore/mailstore.ts';
import { NO_QUOTA } from '../support/mailstore.ts';
import { append, mailboxId, newAccount, select, useMailstores } from './some-mailstore.ts';

const stores = useMailstores();

const MESSAGES = 30;

/** What one of two processes does; each has the mailbox in memory, and does not always look what the other has done before. */
const step = fc.record({
  process: fc.constantFrom(0, 1),
  looks: fc.boolean(),
  first: fc.integer({ min: 1, max: MESSAGES }),
  every: fc.integer({ min: 1, max: 3 }),
  count: fc.integer({ min: 1, max: MESSAGES }),
  how: fc.constantFrom<FlagChange['how']>('add', 'remove', 'set'),
  system: fc.integer({ min: 0, max: ALL_SYSTEM_FLAGS }),
  keywords: fc.subarray(['one', 'two']),
  keywordsToo: fc.boolean(),
  expunges: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  transfer: fc.constantFrom('none', 'none', 'copy', 'move'),
});

function afterChange(has: readonly string[], how: FlagChange['how'], given: readonly string[]): string[] {
  if (how === 'set') return [...given];
  if (how === 'add') return [...new Set([...has, ...given])];
  return has.filter((name) => !given.includes(name));
}

describe('STORE, COPY, MOVE and EXPUNGE on a mailbox that is in memory', () => {
  it('leave flags, mod-sequences, counters and what sessions are told as if every row were read', {
    timeout: 120_000,
  }, async () => {
    const [first, second, third] = await Promise.all([stores.open(), stores.open(), stores.open()]);
    const processes = [first, second];
    const account = await newAccount(first);
    const seed = Date.now();
    console.log('seed', seed);
    let run = 0;
    const steps = fc.array(step, { minLength: 4, maxLength: 14 });
    const property = fc.asyncProperty(steps, async (given) => {
      const name = `Run${++run}`;
      await first.mailboxes.create(account.id, name);
      const id = await mailboxId(first, account, name);
      await append(first, id, MESSAGES);
      await first.mailboxes.create(account.id, `${name} elsewhere`);
      const elsewhere = await mailboxId(first, account, `${name} elsewhere`);
      const copies: { system: number; keywords: string[] }[] = [];
      const sessions = await Promise.all(processes.map((store) => select(store, id)));
      const model = new Map(
        Array.from({ length: MESSAGES }, (_, i) => [i + 1, { system: 0, keywords: [''].slice(1) }]),
      );
      for (const {
        process,
        looks,
        first: from,
        every,
        count,
        how,
        system,
        keywords,
        keywordsToo,
        expunges,
        transfer,
      } of given) {
        const store = processes[process] ?? first;
        const session = sessions[process] as SelectedMailbox;
        if (looks) await session.refresh();
        const uids = Array.from({ length: count }, (_, i) => from + i * every);
        const names = keywordsToo ? keywords : [];
        const result = await store.messages.storeFlags(id, uids, { how, flags: { system, keywords: names } });
        if (result.kind !== 'stored') throw new Error(result.kind);
        const changed: number[] = [];
        for (const uid of uids) {
          const has = model.get(uid);
          if (has === undefined) continue;
          const bits = how === 'set' ? system : how === 'add' ? has.system | system : has.system & ~system;
          const next = { system: bits, keywords: afterChange(has.keywords, how, names) };
          const same = [...next.keywords].sort().join() === [...has.keywords].sort().join() && bits === has.system;
          if (!same) changed.push(uid);
          model.set(uid, next);
        }
        expect(result.changed).toEqual(changed);
        if (transfer !== 'none') {
          const there = uids.filter((uid) => model.has(uid));
          const moved = await store.messages[transfer](id, uids, elsewhere, NO_QUOTA);
          expect(moved).toMatchObject({
            kind: 'copied',
            sourceUids: there,
            destinationUids: there.map((_, i) => copies.length + i + 1),
          });
          for (const uid of there) copies.push({ ...(model.get(uid) ?? { system: 0, keywords: [] }) });
          if (transfer === 'move') for (const uid of there) model.delete(uid);
        }
        if (!expunges) continue;
        const gone = await store.messages.expunge(id);
        if (gone.kind === 'expunged') for (const uid of gone.uids) model.delete(uid);
      }
      const rowsRead = await select(third, id);
      for (const session of sessions) {
        expect(await session.refresh()).toBe('current');
        const told = session.take({ expunges: true }).expungedUids;
        expect(told).toEqual(Array.from({ length: MESSAGES }, (_, i) => i + 1).filter((uid) => !model.has(uid)));
        expect(session.exists).toBe(model.size);
        for (const [sequence, [uid, { system, keywords }]] of [...model].entries()) {
          expect(session.uidAt(sequence + 1)).toBe(uid);
          const flags = session.flagsAt(sequence + 1);
          expect({ system: flags.system, keywords: [...flags.keywords].sort() }).toEqual({
            system,
            keywords: [...keywords].sort(),
          });
          expect(session.columns.modSeqs[sequence]).toBe(rowsRead.columns.modSeqs[sequence]);
        }
        session.close();
      }
      rowsRead.close();
      const copied = await select(third, elsewhere);
      const flagsOf = (sequence: number) => {
        const { system, keywords } = copied.flagsAt(sequence);
        return { system, keywords: [...keywords].sort() };
      };
      expect(copies.map((_, i) => flagsOf(i + 1))).toEqual(
        copies.map(({ system, keywords }) => ({ system, keywords: [...keywords].sort() })),
      );
      expect(copied.exists).toBe(copies.length);
      copied.close();
    });
    await fc.assert(property, { numRuns: 8, seed });
    const problems: unknown[] = [];
    await first.maintenance.verify({ repair: false }, (problem) => problems.push(problem));
    expect(problems).toEqual([]);
  });
});
