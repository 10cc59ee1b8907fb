import type { Knex } from 'knex';

/** What restores have begun and made, so that one that was broken off can be run again. */
const TABLES: readonly string[] = [
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
  for (const name of ['restore_record']) await knex.raw(`DROP TABLE IF EXISTS ${name}`);
}
