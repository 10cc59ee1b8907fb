import { compileScript } from './compiler.ts';
import { supportedCapabilities } from './language.ts';
import { DEFAULT_LIMITS, type SieveLimits } from './limits.ts';
import type { ScriptError } from './script-error.ts';

/** What a script may ask for beyond the defaults. */
export interface CheckOptions {
  readonly limits?: SieveLimits | undefined;
  /** Extensions that are off unless named here: `editheader`. */
  readonly enabled?: readonly string[] | undefined;
}

export type CheckedScript =
  | { readonly ok: true; readonly warnings: readonly ScriptError[] }
  /** In the order of the script; at least one. */
  | { readonly ok: false; readonly errors: readonly ScriptError[] };

/** Whether a text is a Sieve script that this store runs; never throws. */
export function checkScript(text: string, options: CheckOptions = {}): CheckedScript {
  const compiled = compileScript(text, options.limits ?? DEFAULT_LIMITS, options.enabled ?? []);
  return compiled.ok ? { ok: true, warnings: compiled.warnings } : { ok: false, errors: compiled.errors };
}

/** What `require` takes, in alphabetical order: the SIEVE capability of ManageSieve (RFC 5804 §1.7). */
export function sieveCapabilities(options: Pick<CheckOptions, 'enabled'> = {}): string[] {
  return [...supportedCapabilities(options.enabled ?? [])];
}

/** RFC 5804 §1.7 NOTIFY: methods of `notify`. */
export const NOTIFY_METHODS: readonly string[] = ['mailto'];
