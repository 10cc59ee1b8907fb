import type { Knex } from 'knex';

/** What imports have brought already, so that one that is broken off or run twice brings each message once; schema/sql/README.md. */
const TABLE = `CREATE TABLE IF NOT EXISTS import_record (
  account_id BIGINT UNSIGNED NOT NULL,
  source BINARY(32) NOT NULL,
  item BINARY(32) NOT NULL,
  mailbox_id BIGINT UNSIGNED NOT NULL,
  uid INT UNSIGNED NOT NULL,
  flags BINARY(8) NOT NULL,
  PRIMARY KEY (account_id, source, item)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(TABLE);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE IF EXISTS import_record');
}
