import type { Log } from '../runtime/log.ts';
import type { Directory } from './directory.ts';
import type { DirectorySettings } from './settings.ts';

/**
 * The directory over LDAP: questions go over a small pool, users' binds over connections of their own. Opens nothing
 * until the first question, never throws for a directory that is away (that is `unknown`), and comes back by itself.
 * Answers are not cached; see cached-directory.ts.
 *
 * @throws when the settings cannot work at all: an unreadable CA file, or a preset that is not there yet
 */
export function openLdapDirectory(settings: DirectorySettings, log: Log): Directory {
  throw new Error(`the directory (${settings.preset}) is not built yet, at log level ${log.level}`);
}
