import type { Knex } from 'knex';

/** What imports have brought already, and what restores have made: so that either can be broken off and run again. */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS import_record (
    account_id BIGINT UNSIGNED NOT NULL,
    source BINARY(32) NOT NULL,
    item BINARY(32) NOT NULL,
    mailbox_id BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    PRIMARY KEY (account_id, source, item)
  )`,
  `CREATE TABLE IF NOT EXISTS restore_record (
    snapshot VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    directory_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    target BINARY(32) NOT NULL,
    mailbox_id BIGINT UNSIGNED NULL,
    finished_at BIGINT NULL,
    PRIMARY KEY (snapshot, directory_uuid, target)
  )`,
];

const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.raw(`${table} ${TABLE_OPTIONS}`);
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['import_record', 'restore_record']) await knex.raw(`DROP TABLE IF EXISTS ${name}`);
}
