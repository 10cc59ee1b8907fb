import type { AdministerResult, OutgoingAction, OutgoingState } from './mailstore.ts';
import { DATABASE_MS } from './outgoing-clock.ts';
import { Abandon, type Transaction } from './transaction.ts';

/** What an administrator does with a message that waits, under the lock of its row. */
export async function administerOutgoing(
  transaction: Transaction,
  id: string,
  action: OutgoingAction,
): Promise<AdministerResult | Abandon<AdministerResult>> {
  const now = Date.now();
  const [row] = await transaction.rows(
    `SELECT state, claimed_until > ${DATABASE_MS} FROM outgoing WHERE id = ? FOR UPDATE`,
    [id],
  );
  if (row === undefined) return new Abandon('no-such-message');
  const state = row[0] as OutgoingState;
  if (state === 'done' || state === 'cancelled') return new Abandon('finished');
  if (state === 'claimed' && row[1] === 1) return new Abandon('busy');
  switch (action) {
    case 'hold':
      await transaction.later(`UPDATE outgoing SET state = 'held', claimed_by = NULL WHERE id = ?`, [id]);
      break;
    case 'release':
    case 'retry':
      // A release time that has not come stays: what is released is only held no longer.
      await transaction.later(
        `UPDATE outgoing SET state = 'pending', claimed_by = NULL, next_at = ${action === 'retry' ? DATABASE_MS : `GREATEST(release_at, ${DATABASE_MS})`}
         WHERE id = ?`,
        [id],
      );
      break;
    case 'cancel':
      await transaction.later(
        `UPDATE outgoing_recipient SET state = 'cancelled', changed_at = ? WHERE outgoing_id = ? AND state = 'pending'`,
        [now, id],
      );
      await transaction.later(
        `UPDATE outgoing SET state = 'cancelled', claimed_by = NULL, finished_at = ? WHERE id = ?`,
        [now, id],
      );
  }
  return 'done';
}
