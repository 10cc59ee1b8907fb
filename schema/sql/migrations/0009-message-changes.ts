import type { Knex } from 'knex';

/**
 * Where messages that were there already changed: ranges of UIDs by mod-sequence, instead of an index over every message. A STORE on
 * a whole mailbox writes one row here, where it moved each message's entry in the index.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS message_change (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    first_uid INT UNSIGNED NOT NULL,
    last_uid INT UNSIGNED NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, first_uid)
  ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  // Repeatable, as neither database rolls this back.
  const [indexes] = await knex.raw("SHOW INDEX FROM message WHERE Key_name = 'message_modseq'");
  if (indexes.length > 0) await knex.raw('ALTER TABLE message DROP INDEX message_modseq');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE message ADD KEY message_modseq (mailbox_id, modseq, uid, flags, keywords)');
  await knex.raw('DROP TABLE IF EXISTS message_change');
}
