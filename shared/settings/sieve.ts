import { checkText, type SettingEntry } from './entry.ts';

/** RFC 5228: a script of the account's, under its name. Writing one that does not compile is refused with its line. */
export const sieveScript: SettingEntry = {
  name: '/private/vendor/postern/sieve/*',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 262_144,
  check: checkText,
};

/** Name of the active script; NIL makes none active. */
export const sieveActive: SettingEntry = {
  name: '/private/vendor/postern/sieve-active',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 512,
  check: checkText,
};

/** What a script said when it last failed at run time: a JSON object {@link SieveError}. NIL forgets it. */
export const sieveError: SettingEntry = {
  name: '/private/vendor/postern/sieve-error',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 0,
  check: () => 'it can only be removed',
};

export interface SieveError {
  /** ISO 8601. */
  readonly at: string;
  readonly script: string;
  /** 0 when no line is to blame. */
  readonly line: number;
  readonly message: string;
}
