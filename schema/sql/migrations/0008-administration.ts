import type { Knex } from 'knex';

/** Second factors, app passwords, the log of what administrators did, deletions, and tokens of the HTTP API. */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS second_factor (
    account_id BIGINT UNSIGNED NOT NULL,
    secret VARBINARY(64) NOT NULL,
    created_at BIGINT NOT NULL,
    last_step BIGINT NOT NULL,
    PRIMARY KEY (account_id)
  )`,
  `CREATE TABLE IF NOT EXISTS app_password (
    account_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    label VARCHAR(255) NOT NULL,
    services VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NULL,
    PRIMARY KEY (account_id, name)
  )`,
  `CREATE TABLE IF NOT EXISTS administration_log (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    at BIGINT NOT NULL,
    actor VARCHAR(320) NOT NULL,
    via VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    client VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    domain VARCHAR(255) NOT NULL,
    target VARCHAR(320) NOT NULL,
    differences MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY administration_log_domain (domain, id)
  )`,
  `CREATE TABLE IF NOT EXISTS deletion (
    address VARCHAR(320) NOT NULL,
    domain VARCHAR(255) NOT NULL,
    kind VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    directory_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor VARCHAR(320) NOT NULL,
    deleted_at BIGINT NOT NULL,
    purge_after BIGINT NOT NULL,
    PRIMARY KEY (directory_uuid),
    KEY deletion_domain (domain, deleted_at)
  )`,
  `CREATE TABLE IF NOT EXISTS api_token (
    id VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    token_hash BINARY(32) NOT NULL,
    label VARCHAR(255) NOT NULL,
    dn VARCHAR(1024) NOT NULL,
    sealed_password VARBINARY(255) NOT NULL,
    domains TEXT NOT NULL,
    actions TEXT NOT NULL,
    created_by VARCHAR(320) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY api_token_hash (token_hash)
  )`,
];

const NAMES = ['api_token', 'deletion', 'administration_log', 'app_password', 'second_factor'];
const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.raw(`${table} ${TABLE_OPTIONS}`);
}

export async function down(knex: Knex): Promise<void> {
  for (const table of NAMES) await knex.raw(`DROP TABLE IF EXISTS ${table}`);
}
