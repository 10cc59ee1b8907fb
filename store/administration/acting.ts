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
