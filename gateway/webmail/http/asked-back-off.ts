import { AskedProcess } from '@postern/shared/runtime/asked-process.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { BackOff, GuessLimits } from './back-off.ts';

export interface BackOffQuestion {
  readonly what: 'wait';
  readonly keys: readonly string[];
}

/** What needs no answer. */
export type BackOffNote =
  | { readonly what: 'failed'; readonly keys: readonly string[] }
  | { readonly what: 'succeeded'; readonly key: string };

/** The back-off of all workers, counted in the process that starts them: whichever worker a guesser meets, the limits are the same. */
export class AskedBackOff implements GuessLimits {
  readonly #asked: AskedProcess<BackOffQuestion>;
  readonly #tell: (note: BackOffNote) => void;

  constructor(send: (id: number, question: BackOffQuestion) => void, tell: (note: BackOffNote) => void, log: Log) {
    this.#asked = new AskedProcess(send, log);
    this.#tell = tell;
  }

  waitMs(keys: readonly string[]): Promise<number> {
    return this.#asked.ask({ what: 'wait', keys }, 0);
  }

  failed(keys: readonly string[]): void {
    this.#tell({ what: 'failed', keys });
  }

  succeeded(key: string): void {
    this.#tell({ what: 'succeeded', key });
  }

  answered(id: number, waitMs: number): void {
    this.#asked.answered(id, waitMs);
  }
}

/** In the process that counts. */
export function takeNote(backOff: BackOff, note: BackOffNote): void {
  if (note.what === 'failed') backOff.failed(note.keys);
  else backOff.succeeded(note.key);
}
