import { REACHABLE, reachableOf } from './access.ts';
import { type Database, integerList, type Row } from './database.ts';
import { FOUND_COLUMNS, foundOf } from './mailbox-finder.ts';
import type { MailboxInfo, MailboxOverview } from './mailstore.ts';

/** Everything that a list of mailboxes tells, in one round trip. */
export async function readOverview(database: Database, accountId: number, granted: boolean): Promise<MailboxOverview> {
  const id = integerList([accountId]);
  const statements = [
    `SELECT ${FOUND_COLUMNS} FROM mailbox WHERE owner_id = ${id} AND name_hash IS NOT NULL`,
    `SELECT name FROM subscription WHERE account_id = ${id}`,
  ];
  if (granted) statements.push(REACHABLE.replaceAll('?', id));
  const [own = [], subscriptions = [], others = []] = (await database.together(statements)) as Row[][];
  return {
    own: own.map(foundOf).sort(byName),
    subscriptions: subscriptions.map(([name]) => name as string).sort(),
    granted: reachableOf(others),
  };
}

/** INBOX first. */
export function byName(a: MailboxInfo, b: MailboxInfo): number {
  return rank(a) < rank(b) ? -1 : 1;
}

const rank = ({ name }: MailboxInfo): string => (name === 'INBOX' ? '' : name);
