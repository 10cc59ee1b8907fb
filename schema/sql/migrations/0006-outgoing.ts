import type { Knex } from 'knex';

/**
 * The hub's queue: `outgoing` gets what a submission has beside a delivery's consequences, and each recipient a row of its own.
 * `sending_count` is what limits are counted by.
 */
const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS outgoing_recipient (
    outgoing_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    n INT UNSIGNED NOT NULL,
    address VARCHAR(330) NOT NULL,
    orcpt VARCHAR(600) NULL,
    notify VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    route VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL,
    route_group INT UNSIGNED NOT NULL DEFAULT 0,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reply VARCHAR(600) NULL,
    delay_warned TINYINT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (outgoing_id, n)
  ) ${TABLE_OPTIONS}`);
  await knex.raw(`CREATE TABLE IF NOT EXISTS sending_count (
    counted_as VARCHAR(255) NOT NULL,
    span VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    starts_at BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    PRIMARY KEY (counted_as, span),
    KEY sending_count_starts_at (starts_at)
  ) ${TABLE_OPTIONS}`);
  // Repeatable, as neither database rolls this back.
  if (await knex.schema.hasColumn('outgoing', 'cause')) return;
  await knex.raw(`ALTER TABLE outgoing
    ADD COLUMN cause VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'redirect',
    ADD COLUMN client_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    ADD COLUMN source_mailbox_id BIGINT UNSIGNED NULL,
    ADD COLUMN source_uidvalidity INT UNSIGNED NULL,
    ADD COLUMN source_uid INT UNSIGNED NULL,
    ADD COLUMN finished_at BIGINT NULL,
    ADD UNIQUE KEY outgoing_client_id (account_id, client_id),
    ADD KEY outgoing_claimed_by (claimed_by),
    ADD KEY outgoing_finished_at (finished_at)`);
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['sending_count', 'outgoing_recipient']) await knex.raw(`DROP TABLE IF EXISTS ${table}`);
}
