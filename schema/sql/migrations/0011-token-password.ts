import type { Knex } from 'knex';

/** The password under which a token was made, so that its change ends the token; schema/sql/README.md. */
export async function up(knex: Knex): Promise<void> {
  if (await knex.schema.hasColumn('token', 'password_version')) return;
  await knex.raw(
    'ALTER TABLE token ADD COLUMN password_version VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL',
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE token DROP COLUMN password_version');
}
