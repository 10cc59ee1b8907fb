import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable-file.ts';

/** One account in a snapshot. */
export interface BackedUpAccount {
  readonly uuid: string;
  /** In the database of the backup. */
  readonly id: number;
  readonly address: string;
  /** SHA-256 of its file, in hex. */
  readonly sha256: string;
  /** When the account was as the file says. */
  readonly takenAt: string;
  readonly messages: number;
  /** Emails whose bodies the database had lost. */
  readonly missingBodies: number;
}

export interface Manifest {
  readonly format: 1;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly accounts: readonly BackedUpAccount[];
}

const UNFINISHED = '.unfinished';

/**
 * A folder of backups:
 *
 *     bodies/ab/cd/abcd…          every body once, in the name of its SHA-256, as it came
 *     snapshots/TIME/             a finished backup: manifest.json, accounts/UUID.jsonl.gz
 *     snapshots/TIME.unfinished/  one that was broken off, and is gone on with by the next run
 *
 * Bodies are shared by all snapshots, so a second backup writes what is new.
 */
export class BackupFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  bodyPath(sha256: Buffer): string {
    const name = sha256.toString('hex');
    return join(this.path, 'bodies', name.slice(0, 2), name.slice(2, 4), name);
  }

  async hasBody(sha256: Buffer): Promise<boolean> {
    return exists(this.bodyPath(sha256));
  }

  /** Rejects, and keeps nothing, when the pieces are not what their name says. */
  async keepBody(sha256: Buffer, pieces: AsyncIterable<Buffer>): Promise<number> {
    let octets = 0;
    await writeDurably(this.bodyPath(sha256), async (file) => {
      const hash = createHash('sha256');
      for await (const piece of pieces) {
        hash.update(piece);
        octets += piece.length;
        await file.writeFile(piece);
      }
      if (!hash.digest().equals(sha256)) throw new Error(`body ${sha256.toString('hex')} is not what was stored`);
    });
    return octets;
  }

  /** Rejects when it is missing, or not what its name says. */
  async body(sha256: Buffer): Promise<Buffer> {
    const bytes = await readFile(this.bodyPath(sha256));
    if (createHash('sha256').update(bytes).digest().equals(sha256)) return bytes;
    throw new Error(`${this.bodyPath(sha256)} is damaged`);
  }

  accountPath(snapshot: string, uuid: string): string {
    return join(this.path, 'snapshots', snapshot, 'accounts', `${uuid}.jsonl.gz`);
  }

  /** What is noted of an account beside its file while the snapshot is not finished. */
  notePath(snapshot: string, uuid: string): string {
    return join(this.path, 'snapshots', snapshot, 'accounts', `${uuid}.json`);
  }

  /** Finished ones, oldest first. */
  async snapshots(): Promise<string[]> {
    return (await this.#names()).filter((name) => !name.endsWith(UNFINISHED)).sort();
  }

  /** The one to work on: broken off earlier, or begun now. */
  async begin(now: Date): Promise<{ readonly name: string; readonly resumed: boolean }> {
    const found = (await this.#names())
      .filter((name) => name.endsWith(UNFINISHED))
      .sort()
      .at(-1);
    if (found !== undefined) return { name: found, resumed: true };
    const name = `${now.toISOString().replaceAll(':', '-')}${UNFINISHED}`;
    await mkdir(join(this.path, 'snapshots', name, 'accounts'), { recursive: true, mode: 0o700 });
    return { name, resumed: false };
  }

  async finish(unfinished: string, manifest: Manifest): Promise<string> {
    const name = unfinished.slice(0, -UNFINISHED.length);
    await writeDurably(join(this.path, 'snapshots', unfinished, 'manifest.json'), (file) =>
      file.writeFile(`${JSON.stringify(manifest, null, 1)}\n`),
    );
    await rename(join(this.path, 'snapshots', unfinished), join(this.path, 'snapshots', name));
    return name;
  }

  async manifest(snapshot: string): Promise<Manifest> {
    const path = join(this.path, 'snapshots', snapshot, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
    if (manifest.format !== 1) throw new Error(`${path} is of a format that this version does not know`);
    return manifest;
  }

  async #names(): Promise<string[]> {
    const folder = join(this.path, 'snapshots');
    return (await exists(folder)) ? readdir(folder) : [];
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fault;
  }
}

/** SHA-256 of a file, in hex, read in pieces. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
