import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@postern/shared/runtime/log.ts';
import { Greylist, type GreylistTimes } from './greylist.ts';

const SAVE_EVERY_MS = 30_000;

/** A greylist that survives a restart in `folder`/greylist; losing it, or a damaged file, costs a delay and no mail. */
export class GreylistFile {
  readonly list: Greylist;
  readonly #file: string;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #saving: Promise<void> = Promise.resolve();

  constructor(
    settings: GreylistTimes & { readonly maxEntries: number },
    folder: string,
    log: Log,
    nowMs: () => number = Date.now,
  ) {
    this.list = new Greylist(settings, settings.maxEntries);
    this.#file = join(folder, 'greylist');
    this.#log = log;
    this.#nowMs = nowMs;
    try {
      this.list.load(readFileSync(this.#file, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn({ event: 'greylist-not-read', err: error });
    }
    this.#timer = setInterval(() => void this.#save(), SAVE_EVERY_MS);
    this.#timer.unref();
  }

  /** Writes the state down and ends. */
  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#save();
  }

  #save(): Promise<void> {
    this.#saving = this.#saving.then(async () => {
      if (!this.list.dirty) return;
      try {
        await writeWhole(this.#file, this.list.encode(this.#nowMs()));
      } catch (error) {
        this.#log.warn({ event: 'greylist-not-saved', err: error });
      }
    });
    return this.#saving;
  }
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
