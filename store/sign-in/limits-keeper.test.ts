import { silentLog } from '@postern/shared/runtime/log.ts';
import { describe, expect, it } from 'vitest';
import { AskedLimits } from './asked-limits.ts';
import { LimitsKeeper } from './limits-keeper.ts';

/** A worker whose messages come to the keeper and back as they would between processes. */
function worker(keeper: LimitsKeeper, number: number): AskedLimits {
  const limits: AskedLimits = new AskedLimits((sent) => {
    const message = structuredClone(sent);
    if (message.kind === 'tells-limits') keeper.takeNote(number, message.note);
    else {
      const value = keeper.answer(number, message.question);
      setImmediate(() => limits.heard({ kind: 'limits-answered', id: message.id, value }));
    }
  }, silentLog());
  return limits;
}

describe('limits that several workers share', () => {
  it('count the sessions of an account in all of them, service by service', async () => {
    const keeper = new LimitsKeeper();
    const [one, two] = [1, 2].map((number) => worker(keeper, number).sessionCounts('imap', 3)) as [
      ReturnType<AskedLimits['sessionCounts']>,
      ReturnType<AskedLimits['sessionCounts']>,
    ];
    const answers = await Promise.all([one, two, one, two].map((each) => each.admit(7)));
    expect(answers.filter(Boolean)).toHaveLength(3);
    expect(await worker(keeper, 1).sessionCounts('pop3', 3).admit(7)).toBe(true);
    expect(await two.admit(8)).toBe(true);
    one.dismiss(7);
    expect(await two.admit(7)).toBe(true);
    expect(await one.admit(7)).toBe(false);
  });

  it('let go of the sessions of a worker that died, and of no others', async () => {
    const keeper = new LimitsKeeper();
    const [one, two] = [1, 2].map((number) => worker(keeper, number).sessionCounts('imap', 3));
    await one?.admit(7);
    await one?.admit(7);
    await two?.admit(7);
    keeper.forget(1);
    // What the dead one said last comes late, and takes nothing from the others.
    one?.dismiss(7);
    expect([await two?.admit(7), await two?.admit(7), await two?.admit(7)]).toEqual([true, true, false]);
  });

  it('slow down who guesses in all of them', async () => {
    const keeper = new LimitsKeeper();
    const [one, two] = [worker(keeper, 1), worker(keeper, 2)];
    for (const { throttle } of [one, two, one, two]) throttle.failed(['account a']);
    expect(await two.throttle.delayMs(['account a', 'address b'])).toBe(1_000);
    one.throttle.succeeded('account a');
    expect(await two.throttle.delayMs(['account a'])).toBe(0);
  });
});
