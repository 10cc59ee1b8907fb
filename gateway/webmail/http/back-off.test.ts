import { describe, expect, test } from 'vitest';
import { BackOff } from './back-off.ts';

describe('the back-off of sign-in', () => {
  test('two failures of an account are free, then the wait doubles up to a minute, and is forgotten', () => {
    const backOff = new BackOff();
    const waits: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      waits.push(backOff.waitMs(['account a'], 0));
      backOff.failed(['account a'], 0);
    }
    expect(waits.slice(0, 6)).toEqual([0, 0, 0, 1_000, 2_000, 4_000]);
    expect(waits.at(-1)).toBe(60_000);
    expect(backOff.waitMs(['account a'], 60_000)).toBe(0);
  });

  test('an address has twenty, over all accounts; a success clears the account alone', () => {
    const backOff = new BackOff();
    for (let n = 0; n < 19; n += 1) backOff.failed(['address x', `account ${n}`], 0);
    expect(backOff.waitMs(['address x', 'account new'], 0)).toBe(0);
    backOff.failed(['address x', 'account u'], 0);
    backOff.succeeded('account u');
    expect(backOff.waitMs(['account u'], 0)).toBe(0);
    expect(backOff.waitMs(['address x', 'account u'], 0)).toBe(1_000);
  });

  test('many names fill no memory and lose no recent one', () => {
    const backOff = new BackOff();
    for (let n = 0; n < 60_000; n += 1) backOff.failed([`account ${n}`], 0);
    for (let n = 0; n < 3; n += 1) backOff.failed(['account 59999'], 0);
    expect(backOff.waitMs(['account 59999'], 0)).toBeGreaterThan(0);
  });
});
