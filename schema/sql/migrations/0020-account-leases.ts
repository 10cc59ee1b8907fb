import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';
import { deliverMessage } from '../deliver-message.ts';

/** Which process knows an account's mail by heart: others ask it before they write there. The procedures look at it too. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('account', (t) => {
    t.bigInteger('leased_to').notNullable().defaultTo(0);
    t.index(['leased_to'], 'account_leased_to');
  });
  await appendMessage(knex);
  await deliverMessage(knex);
}

/** The procedures stay: an older version finds other parameters, and does without. */
export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('account', (t) => {
    t.dropIndex(['leased_to'], 'account_leased_to');
    t.dropColumn('leased_to');
  });
}
