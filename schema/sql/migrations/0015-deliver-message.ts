import type { Knex } from 'knex';
import { deliverMessage } from '../deliver-message.ts';

export const up = deliverMessage;

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP PROCEDURE IF EXISTS deliver_message');
}
