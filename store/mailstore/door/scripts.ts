/**
 * Sieve scripts of accounts, and the out-of-office settings that are compiled to one. The mailstore keeps text: whether it
 * compiles is asked before (`checkScript` of store/sieve/check.ts). Names are Unicode, compared octet by octet (RFC 5804 §1.6).
 */
export interface Scripts {
  /** All scripts of the account, by name. */
  list(accountId: number): Promise<ScriptInfo[]>;
  get(accountId: number, name: string): Promise<string | undefined>;
  /** Stores a script, or replaces the one of this name; an active one stays active. */
  put(accountId: number, name: string, text: string): Promise<PutScriptResult>;
  /** Whether a script of this size could be stored (RFC 5804 §2.5 HAVESPACE). */
  haveSpace(accountId: number, name: string, sizeBytes: number): Promise<Exclude<PutScriptResult, 'invalid-name'>>;
  /** Makes it the active one, in place of another; undefined: none is active. */
  setActive(accountId: number, name: string | undefined): Promise<'done' | 'no-such-script'>;
  rename(
    accountId: number,
    from: string,
    to: string,
  ): Promise<'renamed' | 'no-such-script' | 'exists' | 'invalid-name'>;
  delete(accountId: number, name: string): Promise<'deleted' | 'no-such-script' | 'is-active'>;
  active(accountId: number): Promise<StoredScript | undefined>;
  /** What deliveries into the account go by, read together. */
  rules(accountId: number): Promise<AccountRules>;
  /** Out-of-office settings, as they were written; undefined removes. */
  setVacation(accountId: number, value: Buffer | undefined): Promise<void>;
  vacation(accountId: number): Promise<Buffer | undefined>;
  /** Which of these keys (32 octets) are remembered at this time: what `duplicate` asks (RFC 7352). */
  remembered(accountId: number, keys: readonly Buffer[], nowMs: number): Promise<Set<string>>;
}

export interface ScriptInfo {
  readonly name: string;
  readonly active: boolean;
  readonly sizeBytes: number;
  readonly updatedAt: Date;
}

export interface StoredScript {
  readonly name: string;
  readonly text: string;
}

export type PutScriptResult = 'stored' | 'too-large' | 'too-many-scripts' | 'over-quota' | 'invalid-name';

/** `version` grows with every change of the account's scripts or vacation; a delivery is committed under the version that it was judged by. */
export interface AccountRules {
  readonly version: number;
  readonly active: StoredScript | undefined;
  readonly vacation: Buffer | undefined;
}

/** Largest script, in octets of UTF-8. */
export const MAX_SCRIPT_BYTES = 262_144;
/** Most scripts of an account, and their octets together. */
export const MAX_SCRIPTS = 100;
export const MAX_SCRIPTS_BYTES = 2_097_152;

/** RFC 5804 §1.6: up to 128 Unicode characters, no controls, no line or paragraph separators. */
export function isScriptName(name: string): boolean {
  if (name === '' || !name.isWellFormed()) return false;
  return Array.from(name).length <= 128 && !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name);
}

/** Key of {@link Scripts.remembered} as it stands in its answer. */
export function memoryKeyText(key: Buffer): string {
  return key.toString('hex');
}

/** The METADATA entries that go with the account's rules, kept among its settings. */
export const VACATION_ENTRY = '/private/vendor/postern/vacation';
export const SIEVE_ERROR_ENTRY = '/private/vendor/postern/sieve-error';
