import { expect, it } from 'vitest';
import { RecipientGuesses } from './recipient-guesses.ts';

const LIMITS = { tarpitAfter: 3, refuseAfter: 6, forgetMs: 1_000, pauseMs: 100, maxPauseMs: 300 };

function guesser() {
  let now = 0;
  const guesses = new RecipientGuesses(LIMITS, () => now);
  return {
    guesses,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

it('a client that guesses waits longer and longer, and is then not answered at all', () => {
  const { guesses } = guesser();
  const met: unknown[] = [];
  for (let i = 0; i < 7; i++) {
    met.push(guesses.judge('192.0.2.1'));
    guesses.noteUnknown('192.0.2.1');
  }
  expect(met).toEqual([
    { kind: 'ask', pauseMs: 0 },
    { kind: 'ask', pauseMs: 0 },
    { kind: 'ask', pauseMs: 0 },
    { kind: 'ask', pauseMs: 100 },
    { kind: 'ask', pauseMs: 200 },
    { kind: 'ask', pauseMs: 300 },
    { kind: 'refuse', retryMs: 1_000 },
  ]);
  expect(guesses.judge('192.0.2.2')).toEqual({ kind: 'ask', pauseMs: 0 });
});

it('in an hour it costs the directory a bounded number of look-ups, however often it asks', () => {
  const { guesses, pass } = guesser();
  let lookUps = 0;
  for (let second = 0; second < 3_600; second++) {
    for (let i = 0; i < 100; i++) {
      if (guesses.judge('2001:db8::1').kind === 'refuse') continue;
      lookUps++;
      guesses.noteUnknown('2001:db8::1');
    }
    pass(1_000);
  }
  expect(lookUps).toBeLessThanOrEqual(LIMITS.refuseAfter + 3_600);
  expect(lookUps).toBeGreaterThan(3_000);
});

it('time forgives; an IPv6 client is its /64', () => {
  const { guesses, pass } = guesser();
  for (let i = 0; i < 6; i++) guesses.noteUnknown(`2001:db8::${i + 1}`);
  expect(guesses.judge('2001:db8:0:0:ffff::1').kind).toBe('refuse');
  expect(guesses.judge('2001:db8:0:1::1').kind).toBe('ask');
  pass(4_000);
  expect(guesses.judge('2001:db8::1')).toEqual({ kind: 'ask', pauseMs: 0 });
});
