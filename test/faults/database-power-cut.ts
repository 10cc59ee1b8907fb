import { closeSync, cpSync, existsSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Chance } from './seed.ts';
import type { SystemCall } from './strace.ts';

/** A write at a place in a file, not yet durable. */
interface PendingWrite {
  readonly offset: number;
  readonly data: Buffer;
}

/** What a disk writes whole. */
const SECTOR = 512;

/**
 * What a power cut leaves of a database's files: all that was synced, and of the rest nothing or any part, down to halves of
 * pages. Begins with a copy of the files, and follows a trace of the server's calls from there to the cut. Files that the server made
 * meanwhile are those of queries under way; none is durable.
 */
export class DatabasePowerCut {
  readonly #folder: string;
  readonly #pending = new Map<string, PendingWrite[]>();
  readonly #synced = new Map<string, PendingWrite[]>();
  writes = 0;
  syncs = 0;

  /** @param folder of the server's data, as its path stands in the trace */
  constructor(folder: string) {
    this.#folder = folder;
  }

  replay(calls: readonly SystemCall[]): void {
    const begun = new Map<SystemCall, Map<string, number>>();
    const steps = calls.flatMap((call) => [
      { at: call.begin, call, begins: true },
      { at: call.end + 0.5, call, begins: false },
    ]);
    steps.sort((a, b) => a.at - b.at);
    for (const { call, begins } of steps) {
      const { name, target, result } = call;
      if (result < 0 || !target.startsWith(this.#folder)) continue;
      if (name === 'fsync' || name === 'fdatasync') {
        // It covers what had ended before it began, and counts when it has returned.
        if (begins) begun.set(call, new Map([[target, this.#pending.get(target)?.length ?? 0]]));
        else this.#sync(target, begun.get(call)?.get(target) ?? 0);
      } else if (name === 'pwrite64' && !begins) {
        const data = call.strings[0]?.subarray(0, result) ?? Buffer.alloc(0);
        const offset = Number(/, (\d+)$/.exec(call.args)?.[1]);
        this.#pending.set(target, [...(this.#pending.get(target) ?? []), { offset, data }]);
        this.writes++;
      }
    }
  }

  /** Lays what the cut leaves over a copy of the files from before the trace. */
  writeTo(before: string, after: string, mercy: 'none' | 'some', chance: Chance): void {
    cpSync(before, after, { recursive: true, preserveTimestamps: true });
    for (const path of new Set([...this.#synced.keys(), ...this.#pending.keys()])) {
      const copy = join(after, path.slice(this.#folder.length));
      if (!existsSync(copy)) continue;
      const file = openSync(copy, 'r+');
      // The room that a file was given (fallocate) is the file system's own affair.
      if (existsSync(path)) ftruncateSync(file, Math.max(statSync(copy).size, statSync(path).size));
      for (const write of this.#synced.get(path) ?? []) put(file, write);
      if (mercy === 'some') {
        for (const { offset, data } of this.#pending.get(path) ?? []) {
          const sectors =
            chance.int(0, 2) === 0 ? chance.int(0, Math.floor(data.length / SECTOR)) * SECTOR : data.length;
          if (chance.int(0, 1) === 1) put(file, { offset, data: data.subarray(0, sectors) });
        }
      }
      closeSync(file);
    }
  }

  #sync(path: string, covered: number): void {
    const pending = this.#pending.get(path) ?? [];
    this.#synced.set(path, [...(this.#synced.get(path) ?? []), ...pending.splice(0, covered)]);
    this.syncs++;
  }
}

function put(file: number, { offset, data }: PendingWrite): void {
  if (data.length > 0) writeSync(file, data, 0, data.length, offset);
}
