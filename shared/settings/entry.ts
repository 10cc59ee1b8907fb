/**
 * A METADATA entry (RFC 5464) that the store knows. The list is closed: what is not in `entries.ts` can be neither read
 * nor written, and no entry carries a command.
 */
export interface SettingEntry {
  /** Lower case. A last component of `*` stands for one name of the client's choice. */
  readonly name: string;
  readonly of: 'server' | 'mailbox' | 'both';
  readonly writable: boolean;
  /** The scope of token that may read it; writing asks for `all`. */
  readonly scope: 'all' | 'watch';
  /** How long ago the password may have been given, for writing; undefined asks for none. A token is never fresh. */
  readonly freshSignInMs?: number;
  readonly maxBytes: number;
  /** Of an entry with `*`: most names that are kept. */
  readonly maxEntries?: number;
  /** Why a value is not one, in words for the client; undefined when it is. */
  check(value: Buffer): string | undefined;
}

/** For values of any text: UTF-8, no controls but line ends and tabs. */
export function checkText(value: Buffer): string | undefined {
  const text = value.toString('utf8');
  if (!Buffer.from(text).equals(value)) return 'not UTF-8';
  return /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text) ? 'control characters' : undefined;
}

/** A JSON object; undefined when the value is none. */
export function readJsonObject(value: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(value.toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
