import { DEFAULT_LIMITS, type SieveLimits } from './limits.ts';
import { parseScript } from './parser.ts';
import { type ScriptError, SyntaxFault } from './script-error.ts';

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
  try {
    parseScript(text, options.limits ?? DEFAULT_LIMITS);
    return { ok: true, warnings: [] };
  } catch (fault) {
    if (!(fault instanceof SyntaxFault)) throw fault;
    return { ok: false, errors: [{ ...fault.at, message: fault.message }] };
  }
}
