import type { Database } from './database.ts';
import type { ExpungedSince } from './mailstore.ts';

/**
 * RFC 7162 §3.2.5. The floor is read after the rows: when garbage collection raises it and removes rows in between, the
 * answer is "forgotten", never a list with holes.
 */
export async function readExpungedSince(database: Database, mailboxId: number, modSeq: number): Promise<ExpungedSince> {
  const rows = await database.rows('SELECT uid FROM expunged WHERE mailbox_id = ? AND modseq > ? ORDER BY uid', [
    mailboxId,
    modSeq,
  ]);
  const [mailbox] = await database.rows('SELECT vanished_floor FROM mailbox WHERE id = ?', [mailboxId]);
  const floor = (mailbox?.[0] ?? Number.POSITIVE_INFINITY) as number;
  return modSeq < floor ? { kind: 'forgotten' } : { kind: 'known', uids: rows.map(([uid]) => uid as number) };
}
