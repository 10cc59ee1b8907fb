import type { Knex } from 'knex';

/** What clients keep by METADATA, and the tokens that stand in for passwords; schema/sql/README.md explains them. */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS setting (
    account_id BIGINT UNSIGNED NOT NULL,
    mailbox_id BIGINT UNSIGNED NOT NULL,
    entry VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    value MEDIUMBLOB NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, entry)
  )`,
  `CREATE TABLE IF NOT EXISTS token (
    token_hash BINARY(32) NOT NULL,
    account_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    certificate_name VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    scope VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (token_hash),
    UNIQUE KEY token_name (account_id, name)
  )`,
];

const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.raw(`${table} ${TABLE_OPTIONS}`);
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['token', 'setting']) await knex.raw(`DROP TABLE IF EXISTS ${table}`);
}
