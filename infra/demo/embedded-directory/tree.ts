import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import { formatLdif, parseLdif } from './ldif.ts';

/** An entry of the tree; keys of `attributes` are lower case, `names` keeps how they were written. */
export interface TreeEntry {
  readonly dn: string;
  readonly names: Map<string, string>;
  readonly attributes: Map<string, string[]>;
}

export type Scope = 'base' | 'one' | 'sub';

/** Attributes that the server keeps itself (RFC 4512 §3.4): told only when asked for. */
export const OPERATIONAL: ReadonlySet<string> = new Set([
  'entryuuid',
  'createtimestamp',
  'modifytimestamp',
  'entrydn',
  'pwdchangedtime',
]);

/**
 * The entries, held in memory and written whole to one LDIF file after each change: to a new file, synced, renamed over
 * the old one. For a demo's hundred entries, not for a site's.
 */
export class Tree {
  readonly #entries = new Map<string, TreeEntry>();
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Reads the LDIF file. An entry without a UUID gets one for good, so that the sample tree may be put there as it is. */
  static open(file: string): Tree {
    const tree = new Tree(file);
    let stamped = false;
    for (const { dn, attributes } of parseLdif(readFileSync(file, 'utf8'))) {
      const entry = tree.#put(dn, [...attributes]);
      if (entry.attributes.has('entryuuid')) continue;
      tree.#stamp(entry);
      stamped = true;
    }
    if (stamped) tree.save();
    return tree;
  }

  get(dn: string): TreeEntry | undefined {
    return this.#entries.get(comparableDn(dn));
  }

  /** Entries in scope, in the order in which they came; undefined when the base is not there. */
  inScope(baseDn: string, scope: Scope): TreeEntry[] | undefined {
    const base = comparableDn(baseDn);
    const entry = this.#entries.get(base);
    if (entry === undefined) return undefined;
    if (scope === 'base') return [entry];
    const below = `,${base}`;
    const found = scope === 'sub' ? [entry] : [];
    for (const [key, candidate] of this.#entries) {
      if (key.endsWith(below) && (scope === 'sub' || comparableDn(parentDn(candidate.dn)) === base)) {
        found.push(candidate);
      }
    }
    return found;
  }

  hasChildren(dn: string): boolean {
    return (this.inScope(dn, 'one') ?? []).length > 0;
  }

  add(dn: string, attributes: readonly (readonly [string, readonly string[]])[]): void {
    this.#stamp(this.#put(dn, attributes));
    this.save();
  }

  remove(dn: string): void {
    this.#entries.delete(comparableDn(dn));
    this.save();
  }

  touched(entry: TreeEntry): void {
    setAttribute(entry, 'modifyTimestamp', [generalizedTime()]);
    this.save();
  }

  /** As a password policy does it (draft-behera-ldap-password-policy §5.3.2), with milliseconds: two changes never look like one. */
  passwordChanged(entry: TreeEntry): void {
    setAttribute(entry, 'pwdChangedTime', [
      generalizedTime().replace('Z', `.${String(Date.now() % 1000).padStart(3, '0')}Z`),
    ]);
    this.touched(entry);
  }

  save(): void {
    const records = [...this.#entries.values()].map(({ dn, names, attributes }) => ({
      dn,
      attributes: new Map([...attributes].map(([key, values]) => [names.get(key) ?? key, values])),
    }));
    const fresh = `${this.#file}.new`;
    const handle = openSync(fresh, 'w', 0o600);
    writeSync(handle, formatLdif(records));
    fsyncSync(handle);
    closeSync(handle);
    renameSync(fresh, this.#file);
    const folder = openSync(dirname(this.#file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  #put(dn: string, attributes: readonly (readonly [string, readonly string[]])[]): TreeEntry {
    const entry: TreeEntry = { dn, names: new Map(), attributes: new Map() };
    for (const [name, values] of attributes) setAttribute(entry, name, [...values]);
    this.#entries.set(comparableDn(dn), entry);
    return entry;
  }

  #stamp(entry: TreeEntry): TreeEntry {
    setAttribute(entry, 'entryUUID', [randomUUID()]);
    setAttribute(entry, 'createTimestamp', [generalizedTime()]);
    setAttribute(entry, 'modifyTimestamp', [generalizedTime()]);
    return entry;
  }
}

/** Replaces the values of an attribute; none removes it. */
export function setAttribute(entry: TreeEntry, name: string, values: string[]): void {
  const key = name.toLowerCase();
  if (values.length === 0) {
    entry.attributes.delete(key);
    entry.names.delete(key);
    return;
  }
  entry.attributes.set(key, values);
  if (!entry.names.has(key)) entry.names.set(key, name);
}

/** The DN above; empty at the top. Commas within a value are escaped in a DN (RFC 4514 §2.4). */
export function parentDn(dn: string): string {
  const match = /^(?:[^,\\]|\\.)*,(.*)$/s.exec(dn);
  return match?.[1]?.trimStart() ?? '';
}

/** RFC 4517 §3.3.13, e.g. `20261121120000Z`. */
function generalizedTime(): string {
  return `${new Date().toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}
