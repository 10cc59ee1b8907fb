import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';
import { deliverMessage } from '../deliver-message.ts';

/** The procedures anew: the body is not written into the text of a statement, and a message of one id asks for its thread by storing it. */
export async function up(knex: Knex): Promise<void> {
  await appendMessage(knex);
  await deliverMessage(knex);
}

/** What they do is the same. */
export async function down(): Promise<void> {}
