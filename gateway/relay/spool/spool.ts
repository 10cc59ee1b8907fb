import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import { FolderSync } from './folder-sync.ts';
import {
  type Decoded,
  decodeSpoolFile,
  decodeSpoolHead,
  decodeSpoolState,
  encodeSpoolFile,
  encodeSpoolState,
  headEnd,
  type SpoolEnvelope,
  type SpoolState,
} from './spool-file.ts';
import { isNotThere, readIfThere, syncIfThere, unlinkIfThere, WrittenFiles } from './written-files.ts';

/** `active` is tried again and again; `held` waits for an administrator. */
export type SpoolFolder = 'active' | 'held';

/** Octets read from the beginning of a file to see its envelope. */
const HEAD_BYTES = 16_384;
const HELD_DOMAINS = 'held-domains';

/**
 * The folder of messages that were answered 250 and are not yet delivered. Each write is a file of its own in `tmp`, renamed into
 * place; file and folder are synced before the promise resolves (invariant 1). The two syncs of a new message run together, so that
 * they share one commit of the file system's journal. So a power cut may leave a part of a message, of which nobody was promised
 * anything: length and checksum tell it from a whole one, and it is set aside. A killed process leaves whole files, and rests in `tmp`.
 *
 *     tmp/ | active/ID.message active/ID.state | held/… | damaged/…(moved here, never deleted) | requests/ID (retry now)
 *     finished/ID (whose id a verified peer gave, and may give again) | held-domains (one a line)
 */
export class Spool {
  readonly path: string;
  readonly #folders: Folders;
  /** Messages that lie in their folder, while nobody was told yet that they are durable. */
  readonly #arriving = new Set<string>();
  readonly #files: WrittenFiles;

  private constructor(path: string, folders: Folders) {
    this.path = path;
    this.#folders = folders;
    this.#files = new WrittenFiles(join(path, 'tmp'));
  }

  /**
   * Opens the spool, making its folders. Rejects when they cannot be made or written.
   *
   * @param clean removes what a process that died left unfinished; only for the one process that owns the spool
   */
  static async open(path: string, clean: boolean): Promise<Spool> {
    for (const folder of ['tmp', 'active', 'held', 'damaged', 'requests', 'finished']) {
      await mkdir(join(path, folder), { recursive: true, mode: 0o700 });
    }
    const folders = {
      active: new FolderSync(await open(join(path, 'active'))),
      held: new FolderSync(await open(join(path, 'held'))),
      finished: new FolderSync(await open(join(path, 'finished'))),
    };
    const spool = new Spool(path, folders);
    const top = await open(path);
    await top.sync();
    await top.close();
    if (clean) {
      for (const name of await readdir(join(path, 'tmp'))) await rm(join(path, 'tmp', name), { force: true });
      for (const folder of ['active', 'held'] as const) await spool.#removeOrphans(folder);
    }
    return spool;
  }

  /** Makes a message durable. Rejects (disk full, fsync failing) with nothing promised and nothing left in place. */
  async add(folder: SpoolFolder, envelope: SpoolEnvelope, content: readonly Buffer[]): Promise<void> {
    const id = envelope.deliveryId;
    this.#arriving.add(id);
    try {
      await this.#files.create(
        this.#file(folder, id, 'message'),
        this.#folders[folder],
        encodeSpoolFile(envelope, content),
      );
    } finally {
      // After whoever waits for this has gone on.
      setImmediate(() => this.#arriving.delete(id));
    }
  }

  /** Whether {@link add} is still at work on it, so that it is not yet anybody's to send. */
  isArriving(id: string): boolean {
    return this.#arriving.has(id);
  }

  /** Makes a new state of a message durable. */
  async update(folder: SpoolFolder, id: string, state: SpoolState): Promise<void> {
    await this.#files.replace(this.#file(folder, id, 'state'), this.#folders[folder], [encodeSpoolState(state)]);
  }

  /** Ids in a folder. */
  async list(folder: SpoolFolder): Promise<string[]> {
    const names = await readdir(join(this.path, folder));
    return names
      .filter((name) => name.endsWith('.message'))
      .map((name) => name.slice(0, -'.message'.length))
      .filter(isDeliveryId);
  }

  /** Reads a message whole, checked; undefined when it is not (or no longer) there. */
  async read(folder: SpoolFolder, id: string): Promise<Decoded<SpooledMessage> | undefined> {
    const file = await readIfThere(this.#file(folder, id, 'message'));
    if (file === undefined) return undefined;
    const decoded = decodeSpoolFile(file);
    if (!decoded.ok) return decoded;
    const { envelope, content } = decoded.value;
    return { ok: true, value: { envelope, content, state: await this.#state(folder, id, envelope) } };
  }

  /** Reads the envelope and state of a message, without its content. */
  async peek(folder: SpoolFolder, id: string): Promise<Decoded<SpoolEntry> | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(this.#file(folder, id, 'message'));
    } catch (error) {
      if (isNotThere(error)) return undefined;
      throw error;
    }
    try {
      let { bytesRead, buffer } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      let decoded = decodeSpoolHead(buffer.subarray(0, bytesRead));
      if (!decoded.ok && bytesRead === HEAD_BYTES) {
        buffer = await readFile(this.#file(folder, id, 'message'));
        bytesRead = buffer.length;
        decoded = decodeSpoolHead(buffer);
      }
      if (!decoded.ok) return decoded;
      const { envelope, contentBytes } = decoded.value;
      return { ok: true, value: { envelope, contentBytes, state: await this.#state(folder, id, envelope) } };
    } finally {
      await handle.close();
    }
  }

  /** Moves a message, with a new state, to the other folder. A crash in between leaves it where it was. */
  async move(from: SpoolFolder, to: SpoolFolder, id: string, state: SpoolState): Promise<void> {
    await this.update(to, id, state);
    await rename(this.#file(from, id, 'message'), this.#file(to, id, 'message'));
    await this.#folders[to].sync();
    await this.#folders[from].sync();
    await rm(this.#file(from, id, 'state'), { force: true });
  }

  /**
   * Forgets a finished message; false when it was not there (any more). Its return after a power cut is harmless for a store: the delivery id
   * is the same.
   *
   * @param noted whether a state was ever noted of it
   */
  async remove(folder: SpoolFolder, id: string, noted = true): Promise<boolean> {
    const was = await unlinkIfThere(this.#file(folder, id, 'message'));
    if (noted) await unlinkIfThere(this.#file(folder, id, 'state'));
    if (was) this.#folders[folder].syncSoon();
    return was;
  }

  /**
   * Forgets a finished message but for its envelope, which answers the peer that sends it once more (see {@link findTaken}); false when it was
   * not there (any more). What remains is shortened after it is safe, so that a crash loses nothing but some space.
   *
   * @param noted whether a state was ever noted of it
   */
  async finish(folder: SpoolFolder, id: string, noted = true): Promise<boolean> {
    const done = join(this.path, 'finished', id);
    try {
      await rename(this.#file(folder, id, 'message'), done);
    } catch (error) {
      if (isNotThere(error)) return false;
      throw error;
    }
    const handle = await open(done, 'r+');
    try {
      await Promise.all([
        noted && unlinkIfThere(this.#file(folder, id, 'state')),
        // What an earlier process took may never have been synced.
        noted && handle.sync(),
        this.#folders.finished.sync(),
        this.#folders[folder].sync(),
      ]);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const end = headEnd(buffer.subarray(0, bytesRead));
      if (end !== undefined) await handle.truncate(end);
    } finally {
      await handle.close();
    }
    return true;
  }

  /**
   * The envelope of a message that was taken under this id, whether it waits, is held, or is finished. It is durable: what a process wrote
   * that died before it could promise anything is synced now, and a part of a message does not count.
   */
  async findTaken(id: string): Promise<SpoolEnvelope | undefined> {
    for (const folder of ['active', 'held', 'active'] as const) {
      const read = await this.read(folder, id);
      if (read?.ok && (await syncIfThere(this.#file(folder, id, 'message'), this.#folders[folder])))
        return read.value.envelope;
    }
    const file = await readIfThere(join(this.path, 'finished', id));
    const decoded = file === undefined ? undefined : decodeSpoolHead(file);
    return decoded?.ok ? decoded.value.envelope : undefined;
  }

  /** Forgets finished messages that are older. */
  async forgetFinished(before: number): Promise<void> {
    for (const name of await readdir(join(this.path, 'finished'))) {
      const path = join(this.path, 'finished', name);
      if ((await stat(path)).mtimeMs < before) await rm(path, { force: true });
    }
  }

  /** Domains to which nothing is sent until an administrator releases them. */
  async heldDomains(): Promise<string[]> {
    const file = await readIfThere(join(this.path, HELD_DOMAINS));
    return file === undefined ? [] : file.toString().split('\n').filter(Boolean);
  }

  async holdDomains(domains: readonly string[]): Promise<void> {
    await this.#files.write(
      join(this.path, HELD_DOMAINS),
      [...new Set(domains)].map((domain) => `${domain}\n`).join(''),
    );
    // The running queue looks when this folder changes.
    await this.request('domains');
  }

  /** Puts a damaged file aside for an administrator: it may be the only copy. False when it has come anew, whole, since it was read. */
  async setAside(folder: SpoolFolder, id: string): Promise<boolean> {
    const aside = join(this.path, 'damaged', `${id}.message`);
    await rename(this.#file(folder, id, 'message'), aside);
    const damaged = !decodeSpoolFile(await readFile(aside)).ok;
    if (!damaged) await rename(aside, this.#file(folder, id, 'message'));
    await this.#folders[folder].sync();
    return damaged;
  }

  /** Asks the running queue to try a message now. */
  async request(id: string): Promise<void> {
    await (await open(join(this.path, 'requests', id), 'w')).close();
  }

  /** What was asked for by {@link request}: ids, and whether the held domains changed; each is told once. */
  async takeRequests(): Promise<{ readonly ids: readonly string[]; readonly domains: boolean }> {
    const names = await readdir(join(this.path, 'requests'));
    for (const name of names) await rm(join(this.path, 'requests', name), { force: true });
    return { ids: names.filter(isDeliveryId), domains: names.includes('domains') };
  }

  /** Changes whenever a file comes into a folder or leaves it. */
  async changeMark(folder: SpoolFolder | 'requests'): Promise<number> {
    return (await stat(join(this.path, folder))).mtimeMs;
  }

  async close(): Promise<void> {
    await this.#folders.active.close();
    await this.#folders.held.close();
    await this.#folders.finished.close();
  }

  #file(folder: SpoolFolder, id: string, kind: 'message' | 'state'): string {
    return join(this.path, folder, `${id}.${kind}`);
  }

  /** States without a message: rests of a removal or a move that a crash cut short. */
  async #removeOrphans(folder: SpoolFolder): Promise<void> {
    const ids = new Set(await this.list(folder));
    for (const name of await readdir(join(this.path, folder))) {
      if (name.endsWith('.state') && !ids.has(name.slice(0, -'.state'.length))) {
        await rm(join(this.path, folder, name), { force: true });
      }
    }
  }

  /** A state that is damaged counts as none: a try too many is harmless, a lost one is not. */
  async #state(folder: SpoolFolder, id: string, envelope: SpoolEnvelope): Promise<SpoolState> {
    const file = await readIfThere(this.#file(folder, id, 'state'));
    if (file === undefined) return envelope.state;
    const decoded = decodeSpoolState(file);
    return decoded.ok ? decoded.value : envelope.state;
  }
}

type Folders = Readonly<Record<SpoolFolder | 'finished', FolderSync>>;

/** Envelope and present state of a spooled message. */
export interface SpoolEntry {
  readonly envelope: SpoolEnvelope;
  readonly state: SpoolState;
  readonly contentBytes: number;
}

/** A spooled message, whole. */
export interface SpooledMessage {
  readonly envelope: SpoolEnvelope;
  readonly state: SpoolState;
  readonly content: Buffer;
  /** It was made durable a moment ago, by this process, and nothing was noted of it since. */
  readonly isFresh?: true;
}
