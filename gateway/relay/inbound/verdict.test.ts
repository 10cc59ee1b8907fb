import { outcomeOfReply } from '@postern/shared/delivery/outcome.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineVerdicts } from './verdict.ts';

const D = outcomeOfReply(reply(250, '2.0.0', 'delivered'));
const L = outcomeOfReply(reply(451, '4.3.0', 'later'));
const Q = outcomeOfReply(reply(452, '4.2.2', 'full for now'));
const F = outcomeOfReply(reply(550, '5.2.1', 'disabled'));
const F2 = outcomeOfReply(reply(552, '5.2.2', 'full'));

describe('combineVerdicts', () => {
  it.each([
    ['all delivered', [D, D], { kind: 'delivered' }],
    ['all failed: the first refusal', [F, F2], { kind: 'refused', reply: F.reply }],
    ['all full for now', [Q, Q], { kind: 'refused', reply: Q.reply }],
    ['all deferred', [L, L], { kind: 'keep', deferred: [0, 1], failed: [] }],
    ['deferred and full for now', [L, Q], { kind: 'keep', deferred: [0, 1], failed: [] }],
    ['delivered and deferred', [D, L], { kind: 'keep', deferred: [1], failed: [] }],
    ['delivered and full for now', [D, Q], { kind: 'keep', deferred: [1], failed: [] }],
    ['delivered and failed', [D, F], { kind: 'keep', deferred: [], failed: [1] }],
    ['deferred and failed', [L, F], { kind: 'keep', deferred: [0], failed: [1] }],
    ['all three', [D, F, L], { kind: 'keep', deferred: [2], failed: [1] }],
  ])('%s', (_, outcomes, expected) => {
    expect(combineVerdicts(outcomes)).toEqual(expected);
  });

  it('forgets nobody and keeps nobody who has the message', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(D, L, Q, F), { minLength: 1, maxLength: 8 }), (outcomes) => {
        const verdict = combineVerdicts(outcomes);
        if (verdict.kind === 'refused') expect(outcomes).not.toContain(D);
        const kept = verdict.kind === 'keep' ? [...verdict.deferred, ...verdict.failed].sort() : [];
        const left = outcomes.flatMap((o, i) => (o === D ? [] : [i]));
        if (verdict.kind !== 'refused') expect(kept).toEqual(left);
      }),
    );
  });
});
