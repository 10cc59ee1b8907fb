import type { Filter } from 'ldapjs';
import {
  type AttributeChange,
  addEntry,
  changeEntry,
  type EntryAttributes,
  removeEntry,
  setPassword,
} from './ldap-changes.ts';
import {
  type ChangeResult,
  LdapConnection,
  type LdapEndpoint,
  type LdapEntry,
  LdapFault,
  type LdapPage,
} from './ldap-connection.ts';
import { readEndpoints } from './ldap-directory.ts';
import type { DirectorySettings } from './settings.ts';

export type { AttributeChange, EntryAttributes } from './ldap-changes.ts';
export type { ChangeResult, LdapEntry, LdapPage } from './ldap-connection.ts';
export type { Filter };

/** A search as somebody; what they may not read is not in the answer. */
export interface PersonSearch {
  readonly baseDn: string;
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly scope?: 'base' | 'one' | 'sub';
  readonly maxEntries: number;
}

/** Connections of one person that stay open between requests; after so long without one they are closed. */
const IDLE_MS = 60_000;
/** One for changes and look-ups, and one for each list that is paged through at the same time. */
const MAX_CONNECTIONS = 4;
const MAIN = 'main';

/** The password no longer opens the entry: it was changed, or the account is gone. */
export class NoLongerBound extends Error {
  override readonly name = 'NoLongerBound';
}

/**
 * The directory as one person sees and changes it: every operation goes over a connection that is bound as them, so that the
 * directory's own access rules decide. A connection that is lost is made anew with the password that `password` gives.
 * Faults are {@link LdapFault}; result codes of changes are values.
 */
export class PersonDirectory {
  readonly dn: string;
  readonly #endpoints: readonly LdapEndpoint[];
  readonly #timeoutMs: number;
  readonly #password: () => string;
  readonly #connections = new Map<string, { connection: LdapConnection; idle: NodeJS.Timeout }>();

  constructor(settings: DirectorySettings, dn: string, password: () => string) {
    this.dn = dn;
    this.#endpoints = readEndpoints(settings);
    this.#timeoutMs = settings.timeoutMs;
    this.#password = password;
  }

  /** Complete; {@link LdapFault} when there are more than `maxEntries`. A base that is not there, or not to be read, has none. */
  async search(search: PersonSearch): Promise<LdapEntry[]> {
    try {
      return await this.#use(MAIN, (connection) => connection.search(search, this.#timeoutMs));
    } catch (error) {
      if (error instanceof LdapFault && error.kind === 'answered' && /result code 32\b/.test(error.message)) return [];
      throw error;
    }
  }

  /**
   * One page. The cookie of the page before holds for this person and list alone, and for as long as the connection lives: the
   * answer is `restart` when it does so no longer.
   */
  async page(list: string, search: PersonSearch, size: number, cookie: Buffer): Promise<LdapPage | 'restart'> {
    if (cookie.length > 0 && !this.#connections.has(list)) return 'restart';
    try {
      return await this.#use(list, (connection) =>
        connection.searchPage({ ...search, page: { size, cookie } }, this.#timeoutMs),
      );
    } catch (error) {
      if (error instanceof LdapFault && cookie.length > 0) return 'restart';
      throw error;
    }
  }

  add(dn: string, attributes: EntryAttributes): Promise<ChangeResult> {
    return this.#use(MAIN, (connection) => addEntry(connection, dn, attributes, this.#timeoutMs), false);
  }

  change(dn: string, changes: readonly AttributeChange[]): Promise<ChangeResult> {
    return this.#use(MAIN, (connection) => changeEntry(connection, dn, changes, this.#timeoutMs), false);
  }

  remove(dn: string): Promise<ChangeResult> {
    return this.#use(MAIN, (connection) => removeEntry(connection, dn, this.#timeoutMs), false);
  }

  /**
   * RFC 3062. ldapjs tells every answer to an extended operation as success, so the new password is tried: code 50
   * (insufficientAccessRights) when it does not open the entry.
   */
  async setPassword(dn: string, newPassword: string, oldPassword?: string): Promise<ChangeResult> {
    const result = await this.#use(
      MAIN,
      (connection) => setPassword(connection, { dn, newPassword, oldPassword }, this.#timeoutMs),
      false,
    );
    if (result.code !== 0 || (await this.#opens(dn, newPassword))) return result;
    return { code: 50, message: 'the directory did not take the password' };
  }

  close(): void {
    for (const list of [...this.#connections.keys()]) this.#drop(list);
  }

  /** Runs on the connection of a list; one that was lost while idle is made anew once, for what may be repeated. */
  async #use<T>(list: string, work: (connection: LdapConnection) => Promise<T>, repeats = true): Promise<T> {
    const kept = this.#connections.get(list);
    const connection = kept?.connection.isOpen === true ? kept.connection : await this.#open(list);
    this.#connections.get(list)?.idle.refresh();
    try {
      return await work(connection);
    } catch (error) {
      if (!(error instanceof LdapFault) || error.kind === 'answered' || !repeats || kept === undefined) throw error;
      return await work(await this.#open(list));
    }
  }

  async #opens(dn: string, password: string): Promise<boolean> {
    for (const endpoint of this.#endpoints) {
      const connection = await LdapConnection.open(endpoint, this.#timeoutMs);
      try {
        return (await connection.bind(dn, password, this.#timeoutMs)) === 0;
      } finally {
        connection.close();
      }
    }
    return false;
  }

  async #open(list: string): Promise<LdapConnection> {
    this.#drop(list);
    for (const oldest of this.#connections.keys()) {
      if (this.#connections.size < MAX_CONNECTIONS) break;
      this.#drop(oldest);
    }
    let fault = new LdapFault('lost', 'no server of the directory is configured');
    for (const endpoint of this.#endpoints) {
      try {
        const connection = await LdapConnection.open(endpoint, this.#timeoutMs);
        const code = await connection.bind(this.dn, this.#password(), this.#timeoutMs);
        if (code !== 0) {
          connection.close();
          throw new NoLongerBound(`the bind ended with result code ${code}`);
        }
        const idle = setTimeout(() => this.#drop(list), IDLE_MS).unref();
        this.#connections.set(list, { connection, idle });
        return connection;
      } catch (error) {
        if (!(error instanceof LdapFault)) throw error;
        fault = error;
      }
    }
    throw fault;
  }

  #drop(list: string): void {
    const kept = this.#connections.get(list);
    if (kept === undefined) return;
    clearTimeout(kept.idle);
    this.#connections.delete(list);
    kept.connection.close();
  }
}
