import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { SealedSession, SessionCookies } from '../http/session-cookie.ts';

const PURPOSE = 'push';
const NAME = /^web-[0-9a-f]{16}$/;
/** Several changes of a moment are one. */
const GATHER_MS = 50;

/**
 * Sessions that want to be told when no browser is open: their watch-only tokens, as ciphertext under this host's key, a file each. The process
 * that tells reads them at its start and follows the folder, into which every worker writes.
 */
export class WatchedSessions {
  readonly #folder: string;
  readonly #cookies: SessionCookies;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: string, cookies: SessionCookies) {
    this.#folder = folder;
    this.#cookies = cookies;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Keeps a session, or says that its subscriptions have changed. The token that can read mail is left out. */
  keep(sealed: SealedSession): void {
    const path = join(this.#folder, sealed.name);
    const text = this.#cookies.seal({ ...sealed, token: '' }, PURPOSE);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  forget(name: string): void {
    if (NAME.test(name)) rmSync(join(this.#folder, name), { force: true });
  }

  /** By name, with a mark that changes whenever it is kept anew. What another key has sealed is left out. */
  all(): Map<string, { readonly sealed: SealedSession; readonly mark: string }> {
    const found = new Map<string, { sealed: SealedSession; mark: string }>();
    for (const name of readdirSync(this.#folder)) {
      if (!NAME.test(name)) continue;
      const mark = readOrNothing(join(this.#folder, name));
      const sealed = this.#cookies.open(mark, PURPOSE);
      if (sealed !== undefined) found.set(name, { sealed, mark });
    }
    return found;
  }

  onChange(listener: () => void): void {
    this.#watcher = watch(this.#folder, () => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        listener();
      }, GATHER_MS);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }
}

/** It may be removed at any time. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}
