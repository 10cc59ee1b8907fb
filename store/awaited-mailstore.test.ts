import { describe, expect, it } from 'vitest';
import { awaitMailstore, MailstoreUnavailable } from './awaited-mailstore.ts';
import type { Mailstore } from './mailstore/mailstore.ts';

/** A door of which only one question is asked. */
function openDoor(onClose: () => void = () => {}): Mailstore {
  const door: Partial<Mailstore> = {
    accounts: {
      ensure: async ({ uuid, address }) => ({ kind: 'ready', account: { id: 7, uuid, address } }),
      adopt: async () => 'adopted' as const,
      find: async () => undefined,
      usage: async () => ({ bytes: 0, messages: 0 }),
      fits: async () => true,
    },
    check: async () => ({ ok: true }),
    close: async () => onClose(),
  };
  return door as Mailstore;
}

describe('awaitMailstore', () => {
  it('fails each question until the database is there, and then answers by itself', async () => {
    const failures = [new Error('first'), new Error('second')];
    const seen: string[] = [];
    let available: () => void = () => {};
    const opened = new Promise<void>((resolve) => {
      available = resolve;
    });
    const { mailstore, firstTry } = awaitMailstore({
      open: async () => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return openDoor();
      },
      onUnavailable: (error, nextTryInMs) => seen.push(`${(error as Error).message} ${nextTryInMs}`),
      onAvailable: available,
      retryMs: 2,
      maxRetryMs: 3,
    });
    expect(await firstTry).toBe(false);
    await expect(mailstore.accounts.ensure({ uuid: 'u', address: 'a' })).rejects.toThrow(MailstoreUnavailable);
    expect(() => mailstore.changes.watch(1, () => {})).toThrow('first');
    expect(await mailstore.check()).toEqual({ ok: false, cause: 'first' });
    await opened;
    expect(await mailstore.accounts.ensure({ uuid: 'u', address: 'a' })).toMatchObject({ account: { id: 7 } });
    expect(await mailstore.check()).toEqual({ ok: true });
    expect(seen).toEqual(['first 2', 'second 3']);
    await mailstore.close();
  });

  it('closes a mailstore that opened too late', async () => {
    let open: (door: Mailstore) => void = () => {};
    let closed = 0;
    const { mailstore, firstTry } = awaitMailstore({
      open: () =>
        new Promise((resolve) => {
          open = resolve;
        }),
      onUnavailable: () => {},
      onAvailable: () => {},
      retryMs: 1,
      maxRetryMs: 1,
    });
    await mailstore.close();
    open(openDoor(() => closed++));
    expect(await firstTry).toBe(false);
    expect(closed).toBe(1);
  });
});
