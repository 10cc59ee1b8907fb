import { expect, it } from 'vitest';
import { DestinationPace } from './destination-pace.ts';

/** One round: as many as may, all with the same end. */
function round(pace: DestinationPace, result: 'well' | 'overloaded'): number {
  let started = 0;
  while (pace.isFree) {
    pace.begin();
    started++;
  }
  for (let i = 0; i < started; i++) pace.end(result);
  return started;
}

it('grows by about one a round to the most, and is halved once for one trouble', () => {
  const pace = new DestinationPace(8);
  const rounds = [1, 2, 3, 4, 5, 6, 7].map(() => round(pace, 'well'));
  expect(rounds[0]).toBe(4);
  expect(rounds.at(-1)).toBe(8);
  expect(rounds.every((n, i) => i === 0 || n >= rounds[i - 1]!)).toBe(true);
  // Eight fail together: that is one sign, not eight.
  round(pace, 'overloaded');
  expect(pace.limit).toBe(4);
  round(pace, 'overloaded');
  round(pace, 'overloaded');
  round(pace, 'overloaded');
  expect(pace.limit).toBe(1);
  expect(round(pace, 'well')).toBe(1);
});
