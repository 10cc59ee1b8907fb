import type { Knex } from 'knex';
import * as mail from './migrations/0001-mail.ts';
import * as messageKeys from './migrations/0002-message-keys.ts';
import * as settingsAndTokens from './migrations/0003-settings-and-tokens.ts';
import * as accessControl from './migrations/0004-access-control.ts';
import * as allMail from './migrations/0005-all-mail.ts';
import * as outgoing from './migrations/0006-outgoing.ts';
import * as sieve from './migrations/0007-sieve.ts';
import * as administration from './migrations/0008-administration.ts';
import * as messageChanges from './migrations/0009-message-changes.ts';
import * as restores from './migrations/0010-restores.ts';
import * as tokenPassword from './migrations/0011-token-password.ts';
import * as imports from './migrations/0012-imports.ts';
import * as outgoingStore from './migrations/0013-outgoing-store.ts';
import * as appendMessage from './migrations/0014-append-message.ts';
import * as deliverMessage from './migrations/0015-deliver-message.ts';
import * as emailCache from './migrations/0016-email-cache.ts';
import * as fewerIndexes from './migrations/0017-fewer-indexes.ts';
import * as quickerProcedures from './migrations/0018-quicker-procedures.ts';
import * as emailReferences from './migrations/0019-email-references.ts';
import * as accountLeases from './migrations/0020-account-leases.ts';
import * as appendsTogether from './migrations/0021-appends-together.ts';

/** Every migration, oldest first. Once released, one is never edited: write the next. */
const MIGRATIONS: readonly { readonly name: string; readonly migration: Knex.Migration }[] = [
  { name: '0001-mail', migration: mail },
  { name: '0002-message-keys', migration: messageKeys },
  { name: '0003-settings-and-tokens', migration: settingsAndTokens },
  { name: '0004-access-control', migration: accessControl },
  { name: '0005-all-mail', migration: allMail },
  { name: '0006-outgoing', migration: outgoing },
  { name: '0007-sieve', migration: sieve },
  { name: '0008-administration', migration: administration },
  { name: '0009-message-changes', migration: messageChanges },
  { name: '0010-restores', migration: restores },
  { name: '0011-token-password', migration: tokenPassword },
  { name: '0012-imports', migration: imports },
  { name: '0013-outgoing-store', migration: outgoingStore },
  { name: '0014-append-message', migration: appendMessage },
  { name: '0015-deliver-message', migration: deliverMessage },
  { name: '0016-email-cache', migration: emailCache },
  { name: '0017-fewer-indexes', migration: fewerIndexes },
  { name: '0018-quicker-procedures', migration: quickerProcedures },
  { name: '0019-email-references', migration: emailReferences },
  { name: '0020-account-leases', migration: accountLeases },
  { name: '0021-appends-together', migration: appendsTogether },
];

/** Hands the migrations to knex: at the store's start and on its command line alike. */
export const migrationSource: Knex.MigrationSource<(typeof MIGRATIONS)[number]> = {
  getMigrations: async () => [...MIGRATIONS],
  getMigrationName: (entry) => entry.name,
  getMigration: async (entry) => entry.migration,
};

export const MIGRATION_COUNT: number = MIGRATIONS.length;
