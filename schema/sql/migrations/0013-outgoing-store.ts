import type { Knex } from 'knex';

/** The other store that a recipient's account lives in, frozen with its route; schema/sql/README.md. */
export async function up(knex: Knex): Promise<void> {
  if (await knex.schema.hasColumn('outgoing_recipient', 'route_store')) return;
  await knex.raw('ALTER TABLE outgoing_recipient ADD COLUMN route_store VARCHAR(255) NULL');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE outgoing_recipient DROP COLUMN route_store');
}
