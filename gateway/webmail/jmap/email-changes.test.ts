import fc from 'fast-check';
import { expect, test } from 'vitest';
import { portionOf } from './email-changes.ts';

const state = (modSeq: number, uidNext: number): string => `${modSeq}-${uidNext}-1-aaaaaaaaaaaaaaaa`;

test('RFC 8620 §5.2: portions tell every change once, and end at the state that was the newest when they began', () => {
  const kinds = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 1 })), {
    selector: ([uid]) => uid,
  });
  fc.assert(
    fc.property(kinds, fc.integer({ min: 1, max: 40 }), (given, maxChanges) => {
      const from = state(5, 101);
      const to = state(9, 201);
      const ids = (kind: 'created' | 'updated' | 'destroyed'): string[] =>
        given
          .filter(([uid, gone]) => (uid > 100 ? 'created' : gone === 1 ? 'destroyed' : 'updated') === kind)
          .map(([uid]) => `E${uid}`);
      const whole = {
        created: new Set(ids('created')),
        updated: new Set(ids('updated')),
        destroyed: new Map(ids('destroyed').map((id) => [id, undefined])),
      };
      const told: string[] = [];
      let since = from;
      for (let round = 0; ; round += 1) {
        expect(round).toBeLessThanOrEqual(given.length);
        const { changes, newState, hasMoreChanges } = portionOf(whole, since, to, maxChanges);
        const portion = [...changes.created, ...changes.updated, ...changes.destroyed.keys()];
        expect(portion.length).toBeLessThanOrEqual(maxChanges);
        told.push(...portion);
        since = newState;
        if (!hasMoreChanges) break;
        expect(portion.length).toBe(maxChanges);
      }
      expect(since).toBe(to);
      expect(told.sort()).toEqual(given.map(([uid]) => `E${uid}`).sort());
    }),
  );
});

test('what came while portions were told belongs to the next walk', () => {
  const whole = { created: new Set(['E10', 'E11', 'E12']), updated: new Set<string>(), destroyed: new Map() };
  const first = portionOf(whole, state(1, 10), state(2, 12), 1);
  expect([...first.changes.created]).toEqual(['E10']);
  const second = portionOf(whole, first.newState, state(3, 13), 5);
  expect([...second.changes.created]).toEqual(['E11']);
  expect(second).toMatchObject({ newState: state(2, 12), hasMoreChanges: true });
});
