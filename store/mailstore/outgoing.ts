import { createHash } from 'node:crypto';
import { isDeliveryId, newDeliveryId } from '@postern/shared/delivery/delivery-id.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database, Row, SqlValue } from './database.ts';
import type {
  AdministerResult,
  ArrivedContent,
  ClaimedOutgoing,
  ClaimOutcome,
  NewSubmission,
  Outgoing,
  OutgoingAction,
  OutgoingCounts,
  OutgoingDetails,
  OutgoingFilter,
  OutgoingMessage,
  OutgoingSummary,
  RoutedRecipient,
  Settlement,
  SubmitResult,
} from './mailstore.ts';
import { administerOutgoing } from './outgoing-administration.ts';
import { bringForward, DATABASE_MS, OutgoingClock } from './outgoing-clock.ts';
import {
  insertOutgoing,
  insertRecipients,
  type OutgoingRow,
  outgoingOf,
  recipientRow,
  recipientsOf,
  routeColumns,
  SUMMARY_COLUMNS,
} from './outgoing-rows.ts';
import { replyColumn } from './reply-column.ts';
import { countSending } from './sending-count.ts';
import { settingsWillChange } from './setting-change.ts';
import { Abandon, CommitOutcomeUnknown, inTransaction, type Transaction } from './transaction.ts';

const FROM = 'FROM outgoing o LEFT JOIN account a ON a.id = o.account_id';
const DEFAULT_LIST = 1_000;

export class SqlOutgoing implements Outgoing {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  readonly #clock: OutgoingClock;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
    this.#clock = new OutgoingClock(database);
  }

  submit(submission: NewSubmission): Promise<SubmitResult> {
    const { id, account, clientId, source, message, countedAs, limits } = submission;
    return this.#certainly<SubmitResult>(async (transaction) => {
      const now = Date.now();
      // Only what a client named is an entry of the account's.
      const accountIds = account !== undefined && clientId !== undefined ? [account.id] : [];
      const announce = accountIds.length > 0 && (await settingsWillChange(transaction, this.#notices, { accountIds }));
      const [known] = await transaction.rows(
        'SELECT id FROM outgoing WHERE id = ? OR (account_id = ? AND client_id = ?)',
        [id, account?.id ?? null, clientId ?? null],
      );
      if (known !== undefined) return new Abandon({ kind: 'known', id: known[0] as string });
      const limit = await countSending(transaction, countedAs, message.recipients.length, limits, now);
      if (limit !== undefined) return new Abandon({ kind: 'over-limit', limit });
      const origin = { id, deliveryId: id, accountId: account?.id ?? null, clientId, source };
      await insertOutgoing(transaction, [{ origin, message, contentId: storedId(message.content) }], now);
      if (announce) await announce();
      return { kind: 'taken' };
    });
  }

  async claimDue(
    most: number,
    claimant: string,
    leaseMs: number,
    longestPauseMs = Number.MAX_SAFE_INTEGER / 2,
  ): Promise<ClaimedOutgoing[]> {
    const now = await this.#timeOfQueue(leaseMs, longestPauseMs);
    const ids: string[] = [];
    // A claim is due again when its lease ends; each state is a range of the index of its own.
    for (const state of ['claimed', 'pending']) {
      if (ids.length >= most) break;
      const due = await this.#database.rows(
        `SELECT id FROM outgoing WHERE state = ? AND next_at <= ? ORDER BY next_at LIMIT ${most - ids.length}`,
        [state, now],
      );
      ids.push(...due.map((row) => row[0] as string));
    }
    if (ids.length === 0) return [];
    const among = ids.map(() => '?').join(',');
    await this.#certainly(async (transaction) => {
      await transaction.changeOnce(
        `UPDATE outgoing SET attempts = attempts + 1, state = 'claimed', claimed_by = ?, claimed_until = ?, next_at = ?
         WHERE id IN (${among}) AND state IN ('pending', 'claimed') AND next_at <= ?`,
        [claimant, now + leaseMs, now + leaseMs, ...ids, now],
      );
    });
    const rows = await this.#database.rowsOnce(
      `SELECT ${SUMMARY_COLUMNS} ${FROM} WHERE o.id IN (${among}) AND o.state = 'claimed' AND o.claimed_by = ?`,
      [...ids, claimant],
    );
    const claimed = rows.map(outgoingOf);
    const recipients = await recipientsOf(
      this.#database,
      claimed.map(({ id }) => id),
    );
    return claimed.map((row) => ({
      ...row,
      message: { ...row.envelope, cause: row.cause },
      recipients: recipients.get(row.id) ?? [],
    }));
  }

  async renew(ids: readonly string[], claimant: string, leaseMs: number): Promise<string[]> {
    if (ids.length === 0) return [];
    const among = ids.map(() => '?').join(',');
    await this.#database.changeOnce(
      `UPDATE outgoing SET claimed_until = ${DATABASE_MS} + ?, next_at = ${DATABASE_MS} + ?
       WHERE id IN (${among}) AND state = 'claimed' AND claimed_by = ?`,
      [leaseMs, leaseMs, ...ids, claimant],
    );
    const rows = await this.#database.rowsOnce(
      `SELECT id FROM outgoing WHERE id IN (${among}) AND state = 'claimed' AND claimed_by = ?`,
      [...ids, claimant],
    );
    return rows.map((row) => row[0] as string);
  }

  route(
    id: string,
    claimant: string,
    routes: readonly RoutedRecipient[],
    causes: readonly OutgoingMessage[] = [],
  ): Promise<ClaimOutcome> {
    return this.#asClaimant(id, claimant, async (transaction, accountId) => {
      const now = Date.now();
      const [highest] = await transaction.rows('SELECT MAX(n) FROM outgoing_recipient WHERE outgoing_id = ?', [id]);
      let n = Number(highest?.[0] ?? 0);
      const added: SqlValue[][] = [];
      let expansions = 0;
      for (const { n: old, expanded, becomes } of routes) {
        const [only] = becomes;
        if (!expanded && only !== undefined) {
          const { recipient, route } = only;
          await transaction.later(
            `UPDATE outgoing_recipient SET address = ?, orcpt = ?, notify = ?, route = ?, route_group = ?, route_store = ?, changed_at = ?
             WHERE outgoing_id = ? AND n = ? AND route IS NULL`,
            [
              recipient.address,
              recipient.orcpt ?? null,
              recipient.notify?.join(',') ?? null,
              ...routeColumns(route),
              now,
              id,
              old,
            ],
          );
          continue;
        }
        const { affectedRows } = await transaction.change(
          `UPDATE outgoing_recipient SET state = 'expanded', route = 'local', changed_at = ?
           WHERE outgoing_id = ? AND n = ? AND route IS NULL AND state = 'pending'`,
          [now, id, old],
        );
        if (affectedRows === 0) continue;
        expansions++;
        for (const { recipient, route } of becomes) added.push(recipientRow(id, ++n, recipient, now, route));
      }
      await insertRecipients(transaction, added);
      if (expansions > 0) await queueCauses(transaction, id, accountId, causes, now);
    });
  }

  settle(id: string, claimant: string, { recipients, causes }: Settlement): Promise<ClaimOutcome> {
    return this.#asClaimant(id, claimant, async (transaction, accountId) => {
      const now = Date.now();
      let decided = 0;
      for (const { n, state, reply, delayWarned = false } of recipients) {
        const { affectedRows } = await transaction.change(
          `UPDATE outgoing_recipient SET state = ?, reply = ?, delay_warned = delay_warned + ?, changed_at = ?
           WHERE outgoing_id = ? AND n = ? AND state = 'pending' ${delayWarned ? 'AND delay_warned = 0' : ''}`,
          [state, replyColumn(reply), delayWarned ? 1 : 0, now, id, n],
        );
        if (state !== 'pending' || delayWarned) decided += affectedRows;
      }
      // Run again after a COMMIT of unknown outcome: what was decided then is not told a second time.
      if (decided > 0) await queueCauses(transaction, id, accountId, causes, now);
      const [left] = await transaction.rows(
        `SELECT COUNT(*) FROM outgoing_recipient WHERE outgoing_id = ? AND state = 'pending'`,
        [id],
      );
      if (left?.[0] === 0) {
        await transaction.later(
          `UPDATE outgoing SET state = 'done', finished_at = ?, claimed_by = NULL, claimed_until = NULL WHERE id = ?`,
          [now, id],
        );
      }
    });
  }

  defer(id: string, claimant: string, pauseMs: number): Promise<ClaimOutcome> {
    return this.#asClaimant(id, claimant, async (transaction) => {
      await transaction.later(
        `UPDATE outgoing SET state = 'pending', next_at = ${DATABASE_MS} + ?, claimed_by = NULL, claimed_until = NULL WHERE id = ?`,
        [pauseMs, id],
      );
    });
  }

  async undo(accountId: number, id: string): Promise<'cancelled' | 'too-late' | 'no-such-message'> {
    return this.#certainly(async (transaction) => {
      const announce = await settingsWillChange(transaction, this.#notices, { accountIds: [accountId] });
      const [row] = await transaction.rows(
        'SELECT state, attempts FROM outgoing WHERE id = ? AND account_id = ? FOR UPDATE',
        [id, accountId],
      );
      if (row === undefined) return new Abandon('no-such-message');
      if (row[0] === 'cancelled') return new Abandon('cancelled');
      if ((row[0] !== 'pending' && row[0] !== 'held') || (row[1] as number) > 0) return new Abandon('too-late');
      await administerOutgoing(transaction, id, 'cancel');
      await announce();
      return 'cancelled';
    });
  }

  async findSubmission(accountId: number, clientId: string): Promise<OutgoingDetails | undefined> {
    const [found] = await this.#details('o.account_id = ? AND o.client_id = ?', [accountId, clientId]);
    return found;
  }

  submissions(accountId: number): Promise<OutgoingDetails[]> {
    return this.#details('o.account_id = ? AND o.client_id IS NOT NULL ORDER BY o.created_at', [accountId]);
  }

  async list(filter: OutgoingFilter = {}): Promise<OutgoingSummary[]> {
    const states = filter.states ?? ['pending', 'claimed', 'held'];
    if (states.length === 0) return [];
    const ofAccount = filter.account === undefined ? '' : 'AND a.address = ?';
    const rows = await this.#database.rowsOnce(
      `SELECT ${SUMMARY_COLUMNS} ${FROM} WHERE o.state IN (${states.map(() => '?').join(',')}) ${ofAccount}
       ORDER BY o.created_at LIMIT ${Math.trunc(filter.limit ?? DEFAULT_LIST)}`,
      filter.account === undefined ? states : [...states, filter.account.toLowerCase()],
    );
    return rows.map((row) => outgoingOf(row));
  }

  async show(id: string): Promise<OutgoingDetails | undefined> {
    const [found] = await this.#details('o.id = ?', [id]);
    return found;
  }

  administer(id: string, action: OutgoingAction): Promise<AdministerResult> {
    return this.#certainly((transaction) => administerOutgoing(transaction, id, action));
  }

  async counts(): Promise<OutgoingCounts> {
    const rows = await this.#database.rows(
      `SELECT state, COUNT(*), ${DATABASE_MS} - MIN(next_at) FROM outgoing WHERE state IN ('pending', 'claimed', 'held') GROUP BY state`,
    );
    const of = (state: string): Row | undefined => rows.find((row) => row[0] === state);
    const count = (state: string): number => Number(of(state)?.[1] ?? 0);
    return {
      pending: count('pending'),
      claimed: count('claimed'),
      held: count('held'),
      oldestDueMs: Math.max(0, Number(of('pending')?.[2] ?? 0)),
    };
  }

  async #timeOfQueue(leaseMs: number, longestPauseMs: number): Promise<number> {
    const { now, aheadMs } = await this.#clock.look(longestPauseMs);
    if (aheadMs === undefined) return now;
    try {
      await this.#certainly((transaction) => bringForward(transaction, now, { aheadMs, leaseMs }));
    } catch (fault) {
      this.#clock.again(aheadMs);
      throw fault;
    }
    return now;
  }

  async #details(where: string, values: readonly SqlValue[]): Promise<OutgoingDetails[]> {
    const rows = await this.#database.rows(`SELECT ${SUMMARY_COLUMNS} ${FROM} WHERE ${where}`, values);
    const found: OutgoingRow[] = rows.map(outgoingOf);
    const recipients = await recipientsOf(
      this.#database,
      found.map(({ id }) => id),
    );
    return found.map((row) => ({ ...row, recipients: recipients.get(row.id) ?? [] }));
  }

  /** Runs work with the row locked, if the claim on it is still the claimant's. The row is written, so that a cluster sees it too. */
  #asClaimant(
    id: string,
    claimant: string,
    work: (transaction: Transaction, accountId: number | null) => Promise<void>,
  ): Promise<ClaimOutcome> {
    return this.#certainly<ClaimOutcome>(async (transaction) => {
      const [row] = await transaction.rows(
        'SELECT state, claimed_by, account_id FROM outgoing WHERE id = ? FOR UPDATE',
        [id],
      );
      if (row?.[0] !== 'claimed' || row[1] !== claimant) return new Abandon('claim-lost');
      await transaction.later('UPDATE outgoing SET claimed_until = claimed_until + 1 WHERE id = ?', [id]);
      await work(transaction, row[2] as number | null);
      return 'done';
    });
  }

  /** Every transaction here finds out by itself whether it has happened already, so an unknown COMMIT runs again. */
  async #certainly<T>(work: (transaction: Transaction) => Promise<T | Abandon<T>>): Promise<T> {
    try {
      return await inTransaction(this.#database, work);
    } catch (fault) {
      if (fault instanceof CommitOutcomeUnknown) return inTransaction(this.#database, work);
      throw fault;
    }
  }
}

/** The id by which a message of the queue is known on the next hop: its own if it is one, else one derived from it. */
export function deliveryIdOf(id: string): string {
  return isDeliveryId(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 32);
}

/** What the sending of a message causes: DSNs, each a message of the queue. */
function queueCauses(
  transaction: Transaction,
  id: string,
  accountId: number | null,
  causes: readonly OutgoingMessage[],
  now: number,
): Promise<void> {
  const deliveryId = deliveryIdOf(id);
  const rows = causes.map((message) => ({
    origin: { id: newDeliveryId(), deliveryId, accountId },
    message,
    contentId: storedId(message.content),
  }));
  return insertOutgoing(transaction, rows, now);
}

/** Bodies of submissions and of DSNs are made durable before. */
function storedId(content: ArrivedContent): Buffer {
  if ('body' in content) throw new Error('the body of a message to be sent was not written');
  return content.id;
}
