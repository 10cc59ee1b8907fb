import type { Knex } from 'knex';
import { COUNT_REFERENCES } from '../email-references.ts';

/** Account by account, each committed by itself; what was broken off goes on. */
export const config = { transaction: false };

/**
 * `email.copies` counts what is kept of expunged messages too: EXPUNGE and MOVE, which make the one of the other, leave the email as it
 * is. Garbage collection counts down when it forgets.
 */
export async function up(knex: Knex): Promise<void> {
  const [accounts] = await knex.raw('SELECT id FROM account ORDER BY id');
  for (const { id } of accounts) await knex.raw(COUNT_REFERENCES, [id, id, Date.now(), id]);
}

export async function down(): Promise<void> {
  throw new Error('cannot be undone: an older version counts messages alone');
}
