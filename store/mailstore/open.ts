import type { Log } from '@postern/shared/runtime/log.ts';
import { SqlAccess } from './access.ts';
import { SqlAccounts } from './accounts.ts';
import { SqlAdministrationRecords } from './administration.ts';
import { MessagesWithAllMail } from './all-mail-messages.ts';
import { SqlBackups } from './backups.ts';
import { ChangeWatch } from './changes.ts';
import { SqlContents } from './content.ts';
import { Database } from './database.ts';
import { SqlDeliveries } from './deliveries.ts';
import { collectGarbage, type GarbageLimits } from './garbage.ts';
import { SqlImports } from './imports.ts';
import { Keywords } from './keywords.ts';
import { AccountLeases } from './leases/account-leases.ts';
import { MailboxViews } from './mailbox-views.ts';
import { SqlMailboxes } from './mailboxes.ts';
import type { Mailstore, MailstoreOptions } from './mailstore.ts';
import { SqlMaintenance } from './maintenance.ts';
import { SqlMessages } from './messages.ts';
import { migrateDatabase } from './migrate.ts';
import { SqlOutgoing } from './outgoing.ts';
import { missingProcedures } from './procedure.ts';
import { SqlScripts } from './scripts.ts';
import { SqlSettings } from './settings.ts';
import { SqlAppPasswords, SqlSecondFactors } from './sign-in-records.ts';
import { SqlTokens } from './tokens.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_FEED_INTERVAL_MS = 200;
const DEFAULT_BODY_CACHE_BYTES = 32 * 1024 * 1024;

/** Opens the mailstore: connects, brings the tables up to date, and is ready. Rejects when the database cannot be used. */
export async function openMailstore(options: MailstoreOptions): Promise<Mailstore> {
  if (options.migrate !== false) await migrateDatabase(options.url);
  const database = new Database(options.url, options.connections, (from, to) =>
    options.log.warn({ event: 'database-host-failed', from, to }),
  );
  try {
    await checkTables(database);
    if (options.migrate !== false) await tellOfMissingProcedures(database, options.log);
  } catch (fault) {
    await database.close();
    throw fault;
  }
  const changes = new ChangeWatch(database, options.log, options.feedIntervalMs ?? DEFAULT_FEED_INTERVAL_MS);
  const keywords = new Keywords(database);
  const contents = new SqlContents(database, {
    cacheBytes: options.bodyCacheBytes ?? DEFAULT_BODY_CACHE_BYTES,
    compress: options.compressBodies ?? true,
  });
  const limits: GarbageLimits = {
    contentGraceMs: options.contentGraceMs ?? HOUR_MS,
    undeleteWindowMs: options.undeleteWindowMs ?? 14 * DAY_MS,
    deliveryRecordsLiveMs: options.deliveryRecordsLiveMs ?? 14 * DAY_MS,
  };
  const leases = options.leaseAccounts === true ? new AccountLeases(database, options.log) : undefined;
  leases?.reclaim();
  const views = new MailboxViews(database, changes, keywords, leases);
  return {
    access: new SqlAccess(database, changes),
    accounts: new SqlAccounts(database, changes),
    backups: new SqlBackups(database, changes, keywords, contents),
    contents,
    imports: new SqlImports(database, changes, keywords, contents),
    deliveries: new SqlDeliveries(database, changes, keywords, contents, options.log),
    outgoing: new SqlOutgoing(database, changes),
    mailboxes: new SqlMailboxes(database, changes, views, leases),
    messages: new MessagesWithAllMail(new SqlMessages(database, changes, keywords, contents, views), views),
    changes,
    maintenance: new SqlMaintenance(database, changes),
    scripts: new SqlScripts(database, changes),
    settings: new SqlSettings(database, changes),
    tokens: new SqlTokens(database, changes),
    administration: new SqlAdministrationRecords(database),
    secondFactors: new SqlSecondFactors(database, changes),
    appPasswords: new SqlAppPasswords(database, changes),
    async check() {
      try {
        await checkTables(database);
        return { ok: true };
      } catch (fault) {
        return { ok: false, cause: (fault as Error).message };
      }
    },
    collectGarbage: (now = new Date()) => collectGarbage(database, limits, now.getTime()),
    async close() {
      await changes.close();
      await leases?.close();
      await database.close();
    },
  };
}

async function tellOfMissingProcedures(database: Database, log: Log): Promise<void> {
  const missing = await missingProcedures(database);
  if (missing.length === 0) return;
  const why =
    'each message that comes alone takes two round trips: the user of the database may not create or run procedures';
  log.warn({ event: 'procedures-missing', missing }, why);
}

/** Fails when the database does not answer, or lacks our tables. */
async function checkTables(database: Database): Promise<void> {
  await database.rows('SELECT id FROM account LIMIT 1');
}
