import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import {
  type Decoded,
  decodeSpoolFile,
  decodeSpoolHead,
  decodeSpoolState,
  encodeSpoolFile,
  encodeSpoolState,
  type SpoolEnvelope,
  type SpoolState,
} from './spool-file.ts';

/** `active` is tried again and again; `held` waits for an administrator. */
export type SpoolFolder = 'active' | 'held';

/** Octets read from the beginning of a file to see its envelope. */
const HEAD_BYTES = 262_144;

/**
 * The folder of messages that were answered 250 and are not yet delivered. Each write is a file of its own in `tmp`,
 * synced, renamed into place, and the folder synced, before the promise resolves (invariant 1): kill -9 and power cuts
 * leave either the old or the new file, and rests in `tmp` that nobody was promised.
 *
 *     tmp/ | active/ID.message active/ID.state | held/… | damaged/…(moved here, never deleted) | requests/ID (retry now)
 */
export class Spool {
  readonly path: string;
  readonly #folders: Record<SpoolFolder, FileHandle>;
  #writes = 0;

  private constructor(path: string, folders: Record<SpoolFolder, FileHandle>) {
    this.path = path;
    this.#folders = folders;
  }

  /**
   * Opens the spool, making its folders. Rejects when they cannot be made or written.
   *
   * @param clean removes what a process that died left unfinished; only for the one process that owns the spool
   */
  static async open(path: string, clean: boolean): Promise<Spool> {
    for (const folder of ['tmp', 'active', 'held', 'damaged', 'requests']) {
      await mkdir(join(path, folder), { recursive: true, mode: 0o700 });
    }
    const folders = { active: await open(join(path, 'active')), held: await open(join(path, 'held')) };
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
    await this.#write(folder, `${envelope.deliveryId}.message`, encodeSpoolFile(envelope, content));
  }

  /** Makes a new state of a message durable. */
  async update(folder: SpoolFolder, id: string, state: SpoolState): Promise<void> {
    await this.#write(folder, `${id}.state`, [encodeSpoolState(state)]);
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

  /** Forgets a finished message. Its return after a power cut is harmless: the delivery id is the same. */
  async remove(folder: SpoolFolder, id: string): Promise<void> {
    await rm(this.#file(folder, id, 'message'), { force: true });
    await rm(this.#file(folder, id, 'state'), { force: true });
    await this.#folders[folder].sync();
  }

  /** Puts a damaged file aside for an administrator: it may be the only copy. */
  async setAside(folder: SpoolFolder, id: string): Promise<void> {
    await rename(this.#file(folder, id, 'message'), join(this.path, 'damaged', `${id}.message`));
    await this.#folders[folder].sync();
  }

  /** Asks the running queue to try a message now. */
  async request(id: string): Promise<void> {
    await (await open(join(this.path, 'requests', id), 'w')).close();
  }

  /** Ids that were asked for by {@link request}; each is told once. */
  async takeRequests(): Promise<string[]> {
    const names = await readdir(join(this.path, 'requests'));
    for (const name of names) await rm(join(this.path, 'requests', name), { force: true });
    return names.filter(isDeliveryId);
  }

  /** Changes whenever a file comes into a folder or leaves it. */
  async changeMark(folder: SpoolFolder | 'requests'): Promise<number> {
    return (await stat(join(this.path, folder))).mtimeMs;
  }

  async close(): Promise<void> {
    await this.#folders.active.close();
    await this.#folders.held.close();
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

  async #write(folder: SpoolFolder, name: string, pieces: readonly Buffer[]): Promise<void> {
    const temporary = join(this.path, 'tmp', `${process.pid}-${this.#writes++}-${name}`);
    try {
      const handle = await open(temporary, 'wx', 0o600);
      try {
        for (const piece of pieces) await handle.appendFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, join(this.path, folder, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    try {
      await this.#folders[folder].sync();
    } catch (error) {
      // Not durable, so not promised: the peer will send it again, and nothing may remain to be delivered beside that.
      if (name.endsWith('.message')) await rm(join(this.path, folder, name), { force: true });
      throw error;
    }
  }
}

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
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

function isNotThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
