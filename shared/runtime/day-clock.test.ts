import { expect, it } from 'vitest';
import { DayClock } from './day-clock.ts';

it('tells each jump once, and nothing of small steps', () => {
  const now = { day: 1_000_000, count: 0 };
  const clock = new DayClock(
    () => now.day,
    () => now.count,
  );
  const pass = (ms: number): void => {
    now.day += ms;
    now.count += ms;
  };
  pass(60_000);
  expect(clock.jumpMs()).toBe(0);
  now.day -= 7_200_000;
  pass(10);
  expect(clock.jumpMs()).toBe(-7_200_000);
  expect(clock.jumpMs()).toBe(0);
  now.day += 3_600_000;
  expect(clock.jumpMs()).toBe(3_600_000);
  now.day += 400;
  expect(clock.jumpMs()).toBe(0);
});
