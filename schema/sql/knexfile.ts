import type { Knex } from 'knex';
import { migrationSource } from './migrations.ts';

/**
 * For the command line: `DATABASE_URL=mysql://… npx knex --knexfile schema/sql/knexfile.ts migrate:status`. The store
 * itself needs none of it: it brings its tables up to date at start (`database.migrate`).
 */
const config: Knex.Config = {
  client: 'mysql2',
  connection: process.env.DATABASE_URL ?? '',
  migrations: { migrationSource },
};

export default config;
