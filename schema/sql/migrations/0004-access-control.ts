import type { Knex } from 'knex';

/**
 * Who else may do what in a mailbox (RFC 4314). Rights belong to the account that was meant when they were given, never to its
 * address: whoever gets that address later has none. `grantee_id` 0 is `anyone`.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS mailbox_right (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    grantee_id BIGINT UNSIGNED NOT NULL,
    negative TINYINT NOT NULL,
    rights VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (mailbox_id, grantee_id, negative),
    KEY mailbox_right_grantee (grantee_id)
  ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE IF EXISTS mailbox_right');
}
