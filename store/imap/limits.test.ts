import { describe, expect, test } from 'vitest';
import { LiteralBudget } from '../connection/literal-budget.ts';
import { LoginThrottle } from '../sign-in/login-throttle.ts';

describe('the throttle of sign-in', () => {
  test('three failures are free, then the pause doubles up to its bound, and is forgotten', () => {
    const throttle = new LoginThrottle();
    const delays: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      delays.push(throttle.delayMs(['address a'], 1000));
      throttle.failed(['address a'], 1000);
    }
    expect(delays.slice(0, 6)).toEqual([0, 0, 0, 500, 1000, 2000]);
    expect(delays.at(-1)).toBe(15_000);
    expect(throttle.delayMs(['address b'], 1000)).toBe(0);
    expect(throttle.delayMs(['address a'], 1000 + 900_001)).toBe(0);
  });

  test('a success clears the account alone', () => {
    const throttle = new LoginThrottle();
    for (let n = 0; n < 4; n += 1) throttle.failed(['address a', 'account u'], 0);
    throttle.succeeded('account u');
    expect(throttle.delayMs(['account u'], 0)).toBe(0);
    expect(throttle.delayMs(['address a'], 0)).toBe(1000);
  });

  test('an attacker of many names fills no memory and loses no recent one', () => {
    const throttle = new LoginThrottle();
    for (let n = 0; n < 30_000; n += 1) throttle.failed([`account ${n}`], 0);
    for (let n = 0; n < 3; n += 1) throttle.failed(['account 29999'], 0);
    expect(throttle.delayMs(['account 29999'], 0)).toBe(1000);
  });
});

describe('the budget of literals', () => {
  const settled = async (promise: Promise<unknown>): Promise<boolean> =>
    Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

  test('who comes when it is used up waits, in order; who holds a part already does not', async () => {
    const budget = new LiteralBudget(1_000_000);
    expect(await budget.take(100, 0)).toBe(0);
    expect(await budget.take(800_000, 0)).toBe(800_000);
    const second = budget.take(700_000, 0);
    const third = budget.take(100_000, 0);
    expect(await settled(second)).toBe(false);
    expect(await budget.take(500_000, 800_000)).toBe(500_000);
    budget.giveBack(1_300_000);
    expect(await second).toBe(700_000);
    expect(await third).toBe(100_000);
  });

  test('one literal larger than the budget gets it when nobody else holds any', async () => {
    const budget = new LiteralBudget(100_000);
    expect(await budget.take(900_000, 0)).toBe(900_000);
  });
});
