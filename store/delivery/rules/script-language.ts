import type { CheckOptions } from '../../sieve/check.ts';
import { DEFAULT_LIMITS } from '../../sieve/limits.ts';
import type { SieveSettings } from './settings.ts';

/** What users' scripts may ask for and cost on this site. Uploads are judged by it and deliveries run it, so that what is taken runs. */
export type ScriptLanguage = Required<{ readonly [K in keyof CheckOptions]: NonNullable<CheckOptions[K]> }>;

export function scriptLanguage({ extensions, maxRedirects }: SieveSettings): ScriptLanguage {
  return { enabled: extensions, limits: { ...DEFAULT_LIMITS, maxRedirects } };
}
