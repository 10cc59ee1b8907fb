import { urlsOfHosts } from '@postern/shared/runtime/database-url.ts';

/** What an error of the database means to the person who has to remove its cause. */
const CAUSES: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'refuses the user or the password',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'refuses the user without a password',
  ER_DBACCESS_DENIED_ERROR: 'does not let this user use that database',
  ER_TABLEACCESS_DENIED_ERROR: 'does not let this user create the tables',
  ER_BAD_DB_ERROR: 'has no database of that name',
  ER_HOST_NOT_PRIVILEGED: 'takes no connections from this host',
  ER_CON_COUNT_ERROR: 'has no connection left',
  ECONNREFUSED: 'is not listening there',
  ENOTFOUND: 'has a host name that does not resolve',
  EAI_AGAIN: 'has a host name that does not resolve now',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENOENT: 'has no socket at that path',
  ER_PARSE_ERROR: 'does not understand our SQL: MySQL 8.4 or MariaDB 10.11 is the oldest that works',
};

/**
 * One sentence about a database that cannot be used, without its password: for the log, and for the launcher's screen.
 *
 * @param url the setting `database.url`
 */
export function databaseFaultSentence(error: unknown, url: string): string {
  const where = describeUrl(url);
  if (where === undefined) {
    return 'The setting database.url is no database URL: mysql://user:password@host:port/name is one.';
  }
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const known = CAUSES[String((at as NodeJS.ErrnoException).code)];
    if (known !== undefined) return `The database ${where} ${known}.`;
  }
  const text = error instanceof Error ? error.message : String(error);
  return `The database ${where} cannot be used: ${withoutPassword(text, url)}`;
}

/** `user@host:port/name`, all hosts, never the password. */
function describeUrl(url: string): string | undefined {
  const urls = parsed(url);
  const [first] = urls;
  if (first === undefined || !/^(mysql|mariadb):$/.test(first.protocol)) return undefined;
  const hosts = urls.map(({ host, searchParams }) => searchParams.get('socketPath') ?? host);
  return `${decodeURIComponent(first.username)}@${hosts.join(',')}${first.pathname}`;
}

function parsed(url: string): URL[] {
  try {
    return urlsOfHosts(url).map((each) => new URL(each));
  } catch {
    return [];
  }
}

function withoutPassword(text: string, url: string): string {
  const password = parsed(url)[0]?.password ?? '';
  if (password === '') return text;
  return text.replaceAll(password, '…').replaceAll(decodeURIComponent(password), '…');
}
