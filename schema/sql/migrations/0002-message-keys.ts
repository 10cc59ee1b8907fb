import type { Knex } from 'knex';

/**
 * What SEARCH, SORT and THREAD compare of a message, narrow and clustered as `message`, so that a mailbox of many thousand is
 * read in milliseconds. Made when it is first needed (schema/sql/README.md), so that no delivery pays for it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS message_keys (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    version SMALLINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    sent_at BIGINT NOT NULL,
    subject MEDIUMBLOB NULL,
    sender MEDIUMBLOB NULL,
    recipients MEDIUMBLOB NULL,
    copied MEDIUMBLOB NULL,
    sort_keys MEDIUMBLOB NOT NULL,
    thread_ids BLOB NOT NULL,
    PRIMARY KEY (mailbox_id, version, uid)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  // Whether the text of a message was too long to be kept whole; repeatable, as neither database rolls this back.
  if (!(await knex.schema.hasColumn('search_text', 'truncated'))) {
    await knex.raw('ALTER TABLE search_text ADD COLUMN truncated TINYINT NOT NULL DEFAULT 0');
  }
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE IF EXISTS message_keys');
}
