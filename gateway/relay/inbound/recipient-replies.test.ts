import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { outcomeOfReply } from '@postern/shared/delivery/outcome.ts';
import type { AddressRefusal } from '@postern/shared/directory/directory.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { describe, expect, it } from 'vitest';
import { decideByDirectory, decideByStore, type RecipientDecision } from './recipient-replies.ts';

const said = (decision: RecipientDecision): string =>
  decision.kind === 'go-on' ? 'go on' : replyLine(decision.reply).slice(0, 9);
const outcome = (code: number, enhanced: string): Outcome => outcomeOfReply(reply(code, enhanced, 'text') as Reply);

describe('decideByDirectory', () => {
  it.each<[AddressRefusal, string]>([
    ['no-such-user', '550 5.1.1'],
    ['no-such-domain', '550 5.7.1'],
    ['account-inactive', '550 5.2.1'],
    ['account-deleted', '550 5.1.1'],
    ['alias-inactive', '550 5.2.1'],
    ['domain-inactive', '550 5.2.1'],
    ['domain-deleted', '550 5.1.2'],
  ])('%s is %s', (why, expected) => {
    expect(said(decideByDirectory({ kind: 'refused', why }, true))).toBe(expected);
  });

  it('never says "no such user" when the directory is away', () => {
    expect(said(decideByDirectory({ kind: 'unknown', cause: 'timeout' }, true))).toBe('451 4.4.3');
  });

  it.each([
    ['loop', '550 5.4.6'],
    ['too-deep', '550 5.4.6'],
    ['too-many-targets', '550 5.5.3'],
  ] as const)('an alias that fails by %s is %s', (why, expected) => {
    expect(said(decideByDirectory({ kind: 'failed', why, at: 'a@b' }, true))).toBe(expected);
  });

  it('takes outside targets only where mail leaves', () => {
    const outside = { kind: 'resolved', accounts: [], outside: ['a@outside.example'] } as const;
    expect(said(decideByDirectory(outside, false))).toBe('550 5.7.1');
    expect(said(decideByDirectory(outside, true))).toBe('go on');
  });
});

describe('decideByStore', () => {
  it.each<[string, (Outcome | undefined)[], string]>([
    ['no word at all', [], 'go on'],
    ['late', [undefined], 'go on'],
    ['a yes', [outcome(250, '2.1.5')], 'go on'],
    ['over quota for now', [outcome(452, '4.2.2')], '452 4.2.2'],
    ['over quota', [outcome(552, '5.2.2')], '552 5.2.2'],
    ['unknown there', [outcome(550, '5.1.1')], '550 5.1.1'],
    ['store away', [outcome(451, '4.4.1')], 'go on'],
    ['database away', [outcome(451, '4.3.0')], 'go on'],
    ['a protocol error is not the recipient’s', [outcome(503, '5.5.1')], '451 4.3.5'],
    ['one of two takes it', [outcome(552, '5.2.2'), outcome(250, '2.1.5')], 'go on'],
    ['for now goes before for good', [outcome(552, '5.2.2'), outcome(452, '4.2.2')], '452 4.2.2'],
  ])('%s', (_, outcomes, expected) => {
    expect(said(decideByStore(outcomes))).toBe(expected);
  });
});
