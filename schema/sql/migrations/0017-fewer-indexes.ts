import type { Knex } from 'knex';

/**
 * Indexes that cost each COPY, MOVE and EXPUNGE more than they gave: where the copies of an email lie, whoever follows all mail of an account
 * remembers; what was expunged long ago is found mailbox by mailbox, in order of mod-sequence.
 */
const INDEXES = [
  { table: 'message', index: 'message_email', columns: 'email_no, mailbox_id' },
  { table: 'expunged', index: 'expunged_at', columns: 'at' },
] as const;

export async function up(knex: Knex): Promise<void> {
  for (const { table, index } of INDEXES) {
    // Repeatable, as neither database rolls this back.
    const [found] = await knex.raw(`SHOW INDEX FROM ${table} WHERE Key_name = '${index}'`);
    if (found.length > 0) await knex.raw(`ALTER TABLE ${table} DROP INDEX ${index}`);
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const { table, index, columns } of INDEXES) await knex.raw(`ALTER TABLE ${table} ADD KEY ${index} (${columns})`);
}
