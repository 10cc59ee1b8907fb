import { cachedDirectory } from '@postern/shared/directory/cached-directory.ts';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import type { Lifecycle } from '@postern/shared/runtime/lifecycle.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import { Metrics } from '@postern/shared/runtime/metrics.ts';
import { runService } from '@postern/shared/runtime/service-main.ts';
import { awaitMailstore } from './awaited-mailstore.ts';
import { type StoreConfig, storeConfigSchema } from './config.ts';
import { startConsole } from './console/server.ts';
import { databaseFaultSentence } from './database-fault.ts';
import { LocalDelivery } from './delivery/deliver.ts';
import { ProgramDelivery } from './delivery/local-program/program-delivery.ts';
import { DeliveryRules } from './delivery/rules/delivery-rules.ts';
import { readSiteScripts } from './delivery/rules/site-scripts.ts';
import { startHousekeeping } from './housekeeping.ts';
import { startHub } from './hub/hub.ts';
import { startImapServer } from './imap/server.ts';
import { lmtpTls, startLmtpServer } from './lmtp/server.ts';
import type { Mailstore } from './mailstore/mailstore.ts';
import { openMailstore } from './mailstore/mailstore.ts';
import { startManageSieveServer } from './managesieve/server.ts';
import { startStoreMetrics } from './metrics.ts';
import { startPop3Server } from './pop3/server.ts';
import { OpenSessions } from './sign-in/open-sessions.ts';
import { saslauthdPasswords } from './sign-in/saslauthd.ts';
import { limitsOf, superviseWorkers, workerNumber } from './workers.ts';

/** The store's process: `node store/main.ts --config FILE [--check-config]`. The one place where its parts are wired. */

const RETRY_MS = 500;
const MAX_RETRY_MS = 5_000;
const HOUSEKEEPING_MS = 3_600_000;
/** RFC 5321 §4.5.3.2.6 lets a client wait ten minutes for the final reply; ours wait 120 s, a stop waits less. */
const CLOSE_GRACE_MS = 10_000;

async function start(config: StoreConfig, log: Log, lifecycle: Lifecycle): Promise<void> {
  const metrics = new Metrics();
  const { mailstore, databaseReady } = openStore(config, log);
  lifecycle.add({ name: 'mailstore', close: () => mailstore.close() });

  const shellPasswords = config.shellPasswords && saslauthdPasswords(config.shellPasswords);
  const directory = cachedDirectory(openLdapDirectory(config.directory, log, shellPasswords), config.directory);
  lifecycle.add({ name: 'directory', close: () => directory.close() });

  const rules = new DeliveryRules({
    mailstore,
    hostname: config.hostname,
    settings: config.sieve,
    site: readSiteScripts(config.sieve),
    log,
  });
  const { localProgram } = config.delivery;
  const programs = localProgram && new ProgramDelivery({ settings: localProgram, mailstore, log });
  const delivery = new LocalDelivery(mailstore, config.delivery, rules, programs);
  lifecycle.add({ name: 'delivery', close: () => delivery.drained() });

  // A database that is there is migrated before anybody is let in; one that is away keeps nobody waiting for long.
  const database = await databaseReady;

  const lmtp = await startLmtpServer({ config, mailstore, directory, delivery, log });
  lifecycle.add({ name: 'lmtp', close: () => lmtp.close(CLOSE_GRACE_MS) });

  // Who guesses passwords is slowed down in all services together, and in all workers.
  const limits = limitsOf(log);
  const { throttle } = limits;
  const hub = await startHub({ config, mailstore, directory, delivery, throttle, log });
  lifecycle.add({ name: 'hub', close: () => hub.close(CLOSE_GRACE_MS) });

  const outbox = hub.outbox;
  const openSessions = new OpenSessions(directory, log, config.signInRecheckMs, config.directory.foundTtlMs);
  lifecycle.add({ name: 'open-sessions', close: () => openSessions.close() });
  const clients = { config, mailstore, directory, log, limits, openSessions };
  const imap = await startImapServer({ ...clients, outbox });
  lifecycle.add({ name: 'imap', close: () => imap.close() });

  const webConsole = await startConsole({ config, mailstore, directory, log, throttle });
  if (webConsole !== undefined) lifecycle.add({ name: 'console', close: () => webConsole.close() });

  const pop3 = await startPop3Server(clients);
  if (pop3 !== undefined) lifecycle.add({ name: 'pop3', close: () => pop3.close() });

  const managesieve = await startManageSieveServer(clients);
  if (managesieve !== undefined) lifecycle.add({ name: 'managesieve', close: () => managesieve.close() });

  const observed = { mailstore, directory, imap, pop3, managesieve, hub };
  const metricsServer = await startStoreMetrics(metricsListen(config), metrics, observed, log);
  if (metricsServer !== undefined) lifecycle.add({ name: 'metrics', close: () => metricsServer.close() });

  // Several at once would do no harm, only the same work.
  if (workerNumber() <= 1) {
    const housekeeping = startHousekeeping(mailstore, log, HOUSEKEEPING_MS);
    lifecycle.add({ name: 'housekeeping', close: () => housekeeping.close() });
  }

  lifecycle.onReload(() => {
    try {
      lmtp.updateTls(lmtpTls(config));
      imap.reloadTls();
      webConsole?.reloadTls();
      pop3?.reloadTls();
      managesieve?.reloadTls();
      hub.listeners.reloadTls();
      log.info({ event: 'certificates-reloaded' });
    } catch (error) {
      log.error({ event: 'certificates-not-reloaded', err: error });
    }
    try {
      rules.useSite(readSiteScripts(config.sieve));
      log.info({ event: 'sieve-scripts-reloaded' });
    } catch (error) {
      // Those that work go on working.
      log.error({ event: 'sieve-scripts-not-reloaded', err: error });
    }
  });
  lifecycle.ready({
    database,
    lmtp: lmtp.port,
    imap: imap.listening.imap?.port,
    imaps: imap.listening.imaps?.port,
    pop3: pop3?.listening.plain?.port,
    pop3s: pop3?.listening.tls?.port,
    managesieve: managesieve?.listening.plain?.port,
    hub: hub.listeners.hub?.port,
    submission: hub.listeners.submission?.port,
    submissions: hub.listeners.submissions?.port,
    console: webConsole?.port,
    metrics: metricsServer?.port,
  });
}

/** Each worker tells its own figures, on a port of its own: the configured one, the next one, and so on. */
function metricsListen({ metrics }: StoreConfig): { address: string; port: number } | undefined {
  if (metrics === undefined) return undefined;
  const { address, port } = metrics.listen;
  return { address, port: port === 0 ? 0 : port + Math.max(0, workerNumber() - 1) };
}

/** A worker's part of what is set for all of them together: memory. */
function shareOf(config: StoreConfig): StoreConfig {
  const part = (whole: number): number => Math.floor(whole / config.workers);
  return {
    ...config,
    lmtp: { ...config.lmtp, messageMemoryBytes: part(config.lmtp.messageMemoryBytes) },
    imap: { ...config.imap, literalMemoryBytes: part(config.imap.literalMemoryBytes) },
    hub: { ...config.hub, messageMemoryBytes: part(config.hub.messageMemoryBytes) },
  };
}

/** The mailstore, tried until the database answers; every failed try is said in the log and to the launcher. */
function openStore(config: StoreConfig, log: Log): { mailstore: Mailstore; databaseReady: Promise<boolean> } {
  const { url, connections, migrate, compressBodies, leaseAccounts } = config.database;
  const { mailstore, firstTry } = awaitMailstore({
    open: () =>
      openMailstore({
        url,
        connections,
        migrate,
        compressBodies,
        leaseAccounts,
        log,
        deliveryRecordsLiveMs: config.delivery.recordsLiveMs,
      }),
    onUnavailable(error, nextTryInMs) {
      const sentence = databaseFaultSentence(error, url);
      log.error({ event: 'database-unavailable', cause: sentence, nextTryInMs });
      process.send?.({ fault: 'database', sentence });
    },
    onAvailable() {
      log.info({ event: 'database-available' });
    },
    retryMs: RETRY_MS,
    maxRetryMs: MAX_RETRY_MS,
  });
  return { mailstore, databaseReady: firstTry };
}

/** Scripts of the site are part of the configuration. */
function siteScriptErrors(config: StoreConfig): string | undefined {
  try {
    readSiteScripts(config.sieve);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

await runService({
  name: 'store',
  program: 'node store/main.ts',
  schema: storeConfigSchema,
  check: siteScriptErrors,
  async start({ config, log, lifecycle }) {
    if (config.workers > 1 && workerNumber() === 0) superviseWorkers(config.workers, lifecycle, log);
    else await start(shareOf(config), log, lifecycle);
  },
});
