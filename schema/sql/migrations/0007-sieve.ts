import type { Knex } from 'knex';

/** Sieve scripts, and what their actions remember; schema/sql/README.md explains them. */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS sieve_script (
    account_id BIGINT UNSIGNED NOT NULL,
    name_hash BINARY(32) NOT NULL,
    name VARCHAR(512) NOT NULL,
    content MEDIUMBLOB NOT NULL,
    active TINYINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, name_hash)
  )`,
  `CREATE TABLE IF NOT EXISTS sieve_memory (
    account_id BIGINT UNSIGNED NOT NULL,
    key_hash BINARY(32) NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key_hash),
    KEY sieve_memory_expires_at (expires_at)
  )`,
];

const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.raw(`${table} ${TABLE_OPTIONS}`);
  // Repeatable, as neither MySQL nor MariaDB rolls an ALTER TABLE back when a migration breaks off.
  if (!(await knex.schema.hasColumn('account', 'rules_version'))) {
    await knex.raw('ALTER TABLE account ADD COLUMN rules_version BIGINT UNSIGNED NOT NULL DEFAULT 0');
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const name of ['sieve_script', 'sieve_memory']) await knex.raw(`DROP TABLE IF EXISTS ${name}`);
}
