import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';

export const up = appendMessage;

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP PROCEDURE IF EXISTS append_message');
}
