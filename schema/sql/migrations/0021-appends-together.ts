import type { Knex } from 'knex';
import { appendMessage } from '../append-message.ts';
import { deliverMessage } from '../deliver-message.ts';

/** Procedures that append two to four messages, and the others anew, which are made of the same text. */
export async function up(knex: Knex): Promise<void> {
  await appendMessage(knex);
  await deliverMessage(knex);
}

/** An older version finds other parameters, and does without. */
export async function down(): Promise<void> {}
