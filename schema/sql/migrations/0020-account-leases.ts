import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';
import { deliverMessage } from '../deliver-message.ts';

/** Which process knows an account's mail by heart: others ask it before they write there. The procedures look at it too. */
export async function up(knex: Knex): Promise<void> {
  if (!(await knex.schema.hasColumn('account', 'leased_to'))) {
    await knex.raw(
      `ALTER TABLE account ADD COLUMN leased_to BIGINT NOT NULL DEFAULT 0, ADD KEY account_leased_to (leased_to)`,
    );
  }
  await appendMessage(knex);
  await deliverMessage(knex);
}

/** The procedures stay: an older version finds other parameters, and does without. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP KEY account_leased_to, DROP COLUMN leased_to');
}
