import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import { networkOf } from '../../dns/client-address.ts';
import { Greylist, type GreylistTimes } from './greylist.ts';
import { ACCEPT, type Rule, type Verdict } from './rule.ts';

const SAVE_EVERY_MS = 30_000;

export interface Greylisting {
  readonly rule: Rule;
  /** Writes the state down and ends. */
  close(): Promise<void>;
}

/**
 * Greylisting (RFC 6647): a stranger's first try is answered 450, and a mail server comes back. The state survives a
 * restart in `folder`/greylist; losing it, or a damaged file, costs a delay and no mail. Several workers share the file:
 * each takes up what the others wrote before it writes.
 */
export function openGreylisting(
  settings: GreylistTimes & { readonly maxEntries: number },
  folder: string,
  log: Log,
  nowMs: () => number = Date.now,
): Greylisting {
  const file = join(folder, 'greylist');
  const list = new Greylist(settings, settings.maxEntries);
  const takeUp = (): void => {
    try {
      list.load(readFileSync(file, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn({ event: 'greylist-not-read', err: error });
    }
  };
  takeUp();
  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saving = saving.then(async () => {
      const { dirty } = list;
      takeUp();
      if (!dirty) return;
      try {
        await writeWhole(file, list.encode(nowMs()));
      } catch (error) {
        log.warn({ event: 'greylist-not-saved', err: error });
      }
    });
    return saving;
  };
  const timer = setInterval(save, SAVE_EVERY_MS);
  timer.unref();
  return {
    rule: {
      name: 'greylisting',
      stage: 'rcpt',
      judge: ({ client, reversePath, recipient }) =>
        decideGreylisting(list.try(networkOf(client), reversePath, recipient, nowMs())),
    },
    close() {
      clearInterval(timer);
      return save();
    },
  };
}

/** @param waitMs how long the client has to wait still; 0: it has waited, or is known */
export function decideGreylisting(waitMs: number): Verdict {
  if (waitMs === 0) return ACCEPT;
  const answer = reply(450, '4.7.1', 'Greylisted, please try again later');
  return { kind: 'tempfail', reply: answer, reason: `greylisted for another ${Math.ceil(waitMs / 1000)} s` };
}

async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.${process.pid}`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.${process.pid}`, file);
}
