import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';
import { deliverMessage } from '../deliver-message.ts';

/** UIDs of one statement: each is committed by itself. */
const SLICE = 5_000;

/** A copy is committed slice by slice; what was broken off goes on. */
export const config = { transaction: false };

/**
 * What FETCH sends of a message belongs to the email, not to each message: COPY, MOVE and undelete copy none of it. Rows are taken over, some 50,000
 * a second, and the old table goes.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS email_cache (
    account_id BIGINT UNSIGNED NOT NULL,
    email_no BIGINT UNSIGNED NOT NULL,
    version SMALLINT UNSIGNED NOT NULL,
    sent_at BIGINT NULL,
    envelope MEDIUMBLOB NOT NULL,
    bodystructure MEDIUMBLOB NOT NULL,
    header_fields MEDIUMBLOB NOT NULL,
    thread_hashes BLOB NOT NULL,
    PRIMARY KEY (account_id, email_no)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  if (await knex.schema.hasTable('message_cache')) {
    const [mailboxes] = await knex.raw('SELECT id, owner_id FROM mailbox ORDER BY owner_id, id');
    for (const { id, owner_id } of mailboxes) {
      // A message that went has its texts as long as it can come back.
      for (const table of ['message', 'expunged']) await takeOver(knex, table, id, owner_id);
    }
    await knex.raw('DROP TABLE message_cache');
  }
  await appendMessage(knex);
  await deliverMessage(knex);
}

async function takeOver(knex: Knex, table: string, mailboxId: number, ownerId: number): Promise<void> {
  const [[{ last }]] = await knex.raw('SELECT MAX(uid) AS last FROM message_cache WHERE mailbox_id = ?', [mailboxId]);
  for (let from = 1; from <= (last ?? 0); from += SLICE) {
    await knex.raw(
      `INSERT IGNORE INTO email_cache (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)
       SELECT ?, m.email_no, c.version, c.sent_at, c.envelope, c.bodystructure, c.header_fields, c.thread_hashes
       FROM message_cache c JOIN ${table} m ON m.mailbox_id = c.mailbox_id AND m.uid = c.uid
       WHERE c.mailbox_id = ? AND c.uid BETWEEN ? AND ?`,
      [ownerId, mailboxId, from, from + SLICE - 1],
    );
  }
}

export async function down(): Promise<void> {
  throw new Error('cannot be undone: an older version finds the texts of no message');
}
