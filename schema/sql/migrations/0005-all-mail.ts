import type { Knex } from 'knex';

/**
 * What the mailbox of all mail (RFC 6154 \All) needs beside `email`: a UIDVALIDITY that changes when mail comes back, whose
 * UID was gone, and up to where the history of deleted mailboxes is forgotten.
 */
export async function up(knex: Knex): Promise<void> {
  // Repeatable, as neither database rolls this back.
  if (!(await knex.schema.hasColumn('account', 'all_uidvalidity'))) {
    await knex.raw('ALTER TABLE account ADD COLUMN all_uidvalidity INT UNSIGNED NULL');
  }
  if (!(await knex.schema.hasColumn('account', 'purged_floor'))) {
    await knex.raw('ALTER TABLE account ADD COLUMN purged_floor BIGINT UNSIGNED NOT NULL DEFAULT 0');
  }
  // Nobody has kept up to now which mailboxes were purged.
  await knex.raw('UPDATE account SET purged_floor = modseq');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP COLUMN all_uidvalidity, DROP COLUMN purged_floor');
}
