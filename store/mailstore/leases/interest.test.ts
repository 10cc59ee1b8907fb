import { describe, expect, it } from 'vitest';
import { Interest } from './interest.ts';

const questions = (interest: Interest, count: number, now: number): boolean[] =>
  Array.from({ length: count }, (_, i) => interest.asked(1, now + i));

describe('which accounts are worth a lease', () => {
  it('those that are asked about eight times within ten seconds', () => {
    const interest = new Interest();
    expect(questions(interest, 8, 0)).toEqual([...Array(7).fill(false), true]);
    expect(questions(interest, 7, 20_000)).not.toContain(true);
    expect(questions(interest, 7, 40_000)).not.toContain(true);
  });

  it('not those that this process writes in between', () => {
    const interest = new Interest();
    for (let now = 0; now < 100; now += 10) {
      expect(questions(interest, 7, now)).not.toContain(true);
      interest.written(1);
    }
  });

  it('not those that others asked back a moment ago, and less and less often', () => {
    const interest = new Interest();
    interest.refused(1, 0);
    expect(questions(interest, 20, 9_000)).not.toContain(true);
    expect(questions(interest, 8, 11_000)).toContain(true);
    interest.refused(1, 12_000);
    expect(questions(interest, 20, 31_000)).not.toContain(true);
    expect(questions(interest, 8, 33_000)).toContain(true);
    // Long after that it begins anew.
    interest.refused(1, 200_000);
    expect(questions(interest, 8, 211_000)).toContain(true);
  });
});
