import type { Directory } from '@postern/shared/directory/directory.ts';
import type { PersonDirectory } from '@postern/shared/directory/person-directory.ts';
import type { DirectorySettings } from '@postern/shared/directory/settings.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { Difference, Mailstore, NewLogEntry } from '../mailstore/mailstore.ts';

/** What every operation works on. */
export interface AdministrationParts {
  readonly directory: DirectorySettings;
  readonly mailstore: Mailstore;
  /** As the store's own account: what an address means now, whoever asks. */
  readonly lookUp: Directory['lookUp'];
  readonly log: Log;
  /** How long a deletion can be undone before a purge. */
  readonly graceMs: number;
  readonly hostname: string;
}

/** Who acts, by which door, and the directory as they see and change it. */
export interface Acting {
  readonly name: string;
  readonly via: NewLogEntry['via'];
  readonly client: string;
  readonly person: PersonDirectory;
}

/** Notes what was changed. A change that is done is not undone because its note failed: the log of the process tells then. */
export async function note(
  { mailstore, log }: AdministrationParts,
  { name, via, client }: Acting,
  entry: {
    readonly action: string;
    readonly domain: string;
    readonly target: string;
    readonly differences?: readonly Difference[];
  },
): Promise<void> {
  try {
    await mailstore.administration.log({ actor: name, via, client, differences: [], ...entry });
  } catch (error) {
    log.error({
      event: 'administration-not-noted',
      actor: name,
      action: entry.action,
      target: entry.target,
      err: error,
    });
  }
}

/** Notes what a change of settings has made different; nothing, when it made nothing so. */
export async function noteChange(
  parts: AdministrationParts,
  acting: Acting,
  [kind, target]: readonly [kind: 'account' | 'alias' | 'domain', target: string],
  settings: object,
  { from, to }: { readonly from: object; readonly to: object },
): Promise<void> {
  const asked = Object.fromEntries(Object.entries(to).filter(([key]) => key in settings));
  const differences = differencesOf({ ...from }, asked);
  if (differences.length === 0) return;
  const domain = target.slice(target.lastIndexOf('@') + 1);
  await note(parts, acting, { action: `${kind}-changed`, domain, target, differences });
}

/** What differs between two states, as texts; equal ones are left out. */
export function differencesOf(
  from: Readonly<Record<string, unknown>>,
  to: Readonly<Record<string, unknown>>,
): Difference[] {
  const text = (value: unknown): string =>
    value === undefined ? '' : Array.isArray(value) ? value.join(', ') : String(value);
  return Object.keys(to)
    .map((what) => ({ what, from: text(from[what]), to: text(to[what]) }))
    .filter((difference) => difference.from !== difference.to);
}
