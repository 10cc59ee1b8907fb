import { effectiveRights, type GrantedRights, OWNER_RIGHTS, type Rights, rightsText } from './access-rights.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database, Row } from './database.ts';
import type { Access, AccessChange, AccessEntry, MailboxInfo, ReachableMailbox, SpecialUse } from './mailstore.ts';
import { Abandon, inTransaction } from './transaction.ts';
import { WriteScope } from './write-scope.ts';

/** `grantee_id` of `anyone` (RFC 4314 §2). */
const ANYONE = 0;

export class SqlAccess implements Access {
  readonly #database: Database;
  readonly #notices: ChangeNotices;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  async rightsOf(accountId: number, mailbox: Pick<MailboxInfo, 'id' | 'accountId'>): Promise<Rights> {
    if (mailbox.accountId === accountId) return OWNER_RIGHTS;
    const rows = await this.#database.rows(
      'SELECT negative, rights FROM mailbox_right WHERE mailbox_id = ? AND grantee_id IN (?, ?)',
      [mailbox.id, accountId, ANYONE],
    );
    return effectiveRights(rows.map(([negative, rights]) => lineOf(negative, rights)));
  }

  async entries(mailboxId: number): Promise<AccessEntry[]> {
    const rows = await this.#database.rows(
      `SELECT r.grantee_id, a.address, r.negative, r.rights FROM mailbox_right r LEFT JOIN account a ON a.id = r.grantee_id
       WHERE r.mailbox_id = ? ORDER BY r.grantee_id, r.negative`,
      [mailboxId],
    );
    return rows.flatMap(([granteeId, address, negative, rights]) => {
      const grantee = granteeId === ANYONE ? 'anyone' : (address as string | null);
      return grantee === null ? [] : [{ grantee, ...lineOf(negative, rights) }];
    });
  }

  change(mailbox: Pick<MailboxInfo, 'id' | 'accountId'>, change: AccessChange): Promise<'changed' | 'no-such-mailbox'> {
    const granteeId = change.grantee === 'anyone' ? ANYONE : change.grantee;
    const negative = Number(change.negative);
    return inTransaction<'changed' | 'no-such-mailbox'>(this.#database, async (transaction) => {
      const scope = new WriteScope(transaction, this.#notices);
      await scope.lock([mailbox.accountId], [mailbox.id]);
      const locked = scope.mailbox(mailbox.id);
      if (locked === undefined) return new Abandon('no-such-mailbox');
      const [row] = await transaction.rows(
        'SELECT rights FROM mailbox_right WHERE mailbox_id = ? AND grantee_id = ? AND negative = ?',
        [mailbox.id, granteeId, negative],
      );
      const before = new Set((row?.[0] ?? '') as string);
      const after = rightsAfter(before, change);
      if (after.size === 0) {
        await transaction.change('DELETE FROM mailbox_right WHERE mailbox_id = ? AND grantee_id = ? AND negative = ?', [
          mailbox.id,
          granteeId,
          negative,
        ]);
      } else {
        await transaction.change(
          `INSERT INTO mailbox_right (mailbox_id, grantee_id, negative, rights) VALUES (?, ?, ?, ?)
           ON DUPLICATE KEY UPDATE rights = VALUES(rights)`,
          [mailbox.id, granteeId, negative, rightsText(after)],
        );
      }
      // Wakes the sessions that have it selected: what they may do is looked up again.
      scope.modSeqFor(locked);
      scope.listChanged(mailbox.accountId);
      await scope.save();
      return 'changed';
    });
  }

  async reachable(accountId: number): Promise<ReachableMailbox[]> {
    return reachableOf(await this.#database.rows(REACHABLE, [accountId, accountId]));
  }
}

/** What others have granted to an account, which stands in both places. */
export const REACHABLE = `SELECT m.id, m.owner_id, m.name, m.uidvalidity, m.special_use, a.address, r.negative, r.rights
  FROM mailbox_right r JOIN mailbox m ON m.id = r.mailbox_id JOIN account a ON a.id = m.owner_id
  WHERE r.grantee_id IN (?, ${ANYONE}) AND m.owner_id <> ? AND m.name_hash IS NOT NULL AND a.address IS NOT NULL
  ORDER BY a.address, m.name`;

/** The mailboxes of the rows of {@link REACHABLE}. */
export function reachableOf(rows: readonly Row[]): ReachableMailbox[] {
  const byId = new Map<number, { readonly row: Row; readonly lines: GrantedRights[] }>();
  for (const row of rows) {
    const known = byId.get(row[0] as number) ?? { row, lines: [] };
    known.lines.push(lineOf(row[6], row[7]));
    byId.set(row[0] as number, known);
  }
  return [...byId.values()].map(({ row, lines }) => ({
    id: row[0] as number,
    accountId: row[1] as number,
    name: row[2] as string,
    uidValidity: row[3] as number,
    specialUse: (row[4] as SpecialUse | null) ?? undefined,
    ownerAddress: row[5] as string,
    rights: effectiveRights(lines),
  }));
}

function lineOf(negative: unknown, rights: unknown): GrantedRights {
  return { negative: negative === 1, rights: new Set(rights as string) };
}

function rightsAfter(before: Rights, { how, rights }: AccessChange): Rights {
  if (how === 'set') return rights;
  if (how === 'add') return new Set([...before, ...rights]);
  return new Set([...before].filter((right) => !rights.has(right)));
}
