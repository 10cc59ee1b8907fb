import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chance } from './seed.ts';
import type { SystemCall } from './strace.ts';

/** A file as a crash sees it: what was written, and what of it was synced. */
interface Inode {
  written: Buffer;
  synced: Buffer | undefined;
}

/** A change of one folder's names that is not durable before the folder is synced. */
type Change = { readonly set: string; readonly inode: Inode } | { readonly remove: string };

interface Folder {
  readonly durable: Map<string, Inode>;
  readonly pending: Change[];
}

/** What a power cut leaves of what was not synced: nothing at all, or any part of it. */
export type Mercy = 'none' | 'some';

/** Takes a sync away from the model, to show that without it messages are lost. */
export type Forgotten = 'file-syncs' | 'folder-syncs';

/**
 * A file system that keeps what was synced and forgets the rest: replays the calls of a trace up to an instant, then
 * writes down what a power cut would have left. POSIX promises no more: data is durable after fsync of the file, a name
 * after fsync of its folder. A sync covers what had ended before it began, and counts when it has returned.
 */
export class PowerCutModel {
  readonly #folders = new Map<string, Folder>();
  readonly #files = new Map<string, Inode>();
  readonly #root: string;

  /** @param root folder to which the model pays attention; it is empty, but for folders, when the trace begins */
  constructor(root: string) {
    this.#root = root;
  }

  /** Takes in all that had happened before an instant (a place in the trace). */
  replay(calls: readonly SystemCall[], instant: number, forgotten?: Forgotten): void {
    const begun = new Map<SystemCall, () => void>();
    const steps = calls.flatMap((call) => [
      { at: call.begin, call, phase: 'begin' as const },
      { at: call.end, call, phase: 'end' as const },
    ]);
    steps.sort((a, b) => a.at - b.at);
    for (const { at, call, phase } of steps) {
      if (at > instant) return;
      if (call.result < 0) continue;
      if (call.name === 'fsync' || call.name === 'fdatasync') {
        if (phase === 'begin') begun.set(call, this.#sync(call.target, forgotten));
        else begun.get(call)?.();
      } else if (phase === 'end') this.#apply(call);
    }
  }

  /** Writes what the cut leaves into an empty folder. */
  writeTo(folder: string, mercy: Mercy, chance: Chance): void {
    for (const [path, { durable, pending }] of this.#folders) {
      const names = new Map(durable);
      const kept = mercy === 'none' ? 0 : chance.int(0, pending.length);
      for (const change of pending.slice(0, kept)) {
        if ('set' in change) names.set(change.set, change.inode);
        else names.delete(change.remove);
      }
      const into = join(folder, path.slice(this.#root.length));
      mkdirSync(into, { recursive: true, mode: 0o700 });
      for (const [name, inode] of names) writeFileSync(join(into, name), leftOf(inode, mercy, chance), { mode: 0o600 });
    }
  }

  #apply(call: SystemCall): void {
    const { name, target, strings } = call;
    if (name === 'openat') {
      if (!target.startsWith(this.#root) || !call.args.includes('O_CREAT')) return;
      if (this.#files.has(target) && !call.args.includes('O_TRUNC')) return;
      const inode: Inode = { written: Buffer.alloc(0), synced: undefined };
      this.#files.set(target, inode);
      this.#change(target, (base) => ({ set: base, inode }));
    } else if (name === 'write' || name === 'writev' || name === 'pwrite64') {
      const inode = this.#files.get(target);
      if (inode !== undefined) inode.written = Buffer.concat([inode.written, ...strings]);
    } else if (name.startsWith('rename')) {
      const [from = '', to = ''] = strings.map((path) => path.toString());
      const inode = this.#files.get(from);
      if (inode === undefined) return;
      this.#files.delete(from);
      this.#files.set(to, inode);
      this.#change(from, (base) => ({ remove: base }));
      this.#change(to, (base) => ({ set: base, inode }));
    } else if (name.startsWith('unlink')) {
      const path = strings[0]?.toString() ?? '';
      if (this.#files.delete(path)) this.#change(path, (base) => ({ remove: base }));
    }
  }

  /** Returns what to do when the sync has returned. */
  #sync(path: string, forgotten: Forgotten | undefined): () => void {
    const inode = this.#files.get(path);
    if (inode !== undefined) {
      const { written } = inode;
      return () => {
        if (forgotten !== 'file-syncs') inode.synced = written;
      };
    }
    const covered = this.#folders.get(path)?.pending.length ?? 0;
    return () => {
      const folder = this.#folders.get(path);
      if (folder === undefined || forgotten === 'folder-syncs') return;
      for (const change of folder.pending.splice(0, covered)) {
        if ('set' in change) folder.durable.set(change.set, change.inode);
        else folder.durable.delete(change.remove);
      }
    };
  }

  #change(path: string, change: (base: string) => Change): void {
    const folder = dirname(path);
    const known: Folder = this.#folders.get(folder) ?? { durable: new Map(), pending: [] };
    this.#folders.set(folder, known);
    known.pending.push(change(path.slice(folder.length + 1)));
  }
}

function leftOf(inode: Inode, mercy: Mercy, chance: Chance): Buffer {
  const synced = inode.synced ?? Buffer.alloc(0);
  if (mercy === 'none' || inode.written.length === synced.length) return synced;
  // Its length may be durable before its octets are: then zeros stand there.
  const written = inode.written.subarray(0, chance.int(synced.length, inode.written.length));
  return chance.int(0, 1) === 0 ? written : Buffer.concat([synced, Buffer.alloc(written.length - synced.length)]);
}
