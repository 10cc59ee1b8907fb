import { parseArgs } from 'node:util';
import { findJourneys } from '@postern/shared/trace/journey.ts';
import { readLog } from '@postern/shared/trace/log-lines.ts';
import { renderJourney } from '../trace/render-journey.ts';
import { DEMO_ACCOUNTS } from './accounts.ts';
import { certificateLine, keepDemoCertificates } from './certificates.ts';
import { setsProgramsAside } from './configuration.ts';
import { checkDatabase } from './database-check.ts';
import { sendFirstMessage } from './first-message.ts';
import { type Layout, layoutOf, type ServiceName } from './layout.ts';
import { endLeftovers } from './leftovers.ts';
import { checkPorts, claimStateFolder, prepareStateFolder, releaseStateFolder } from './preconditions.ts';
import { DatabaseUnavailable } from './private-database.ts';
import { ADMIN_DN, BASE_DN } from './sample-tree.ts';
import { keepSecret, writeSecret } from './secrets.ts';
import { messageOf, Sentence } from './sentence.ts';
import { readStackFile, removeStackFile, type StackFile, writeStackFile } from './stack-file.ts';
import { databasePart, directoryPart, relayPart, storePart, webmailPart } from './stack-parts.ts';
import { summary } from './summary.ts';
import { type Part, Supervisor } from './supervisor.ts';

const USAGE = `usage: npm start -- [--once] [--state DIR] [--base-port N]

  --once          end after the first message was read back
  --state DIR     where the state lives (default: var)
  --base-port N   listen on N, N+1, … instead of the usual ports
`;

interface Options {
  readonly once: boolean;
  readonly state: string | undefined;
  readonly basePort: number | undefined;
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** `npm start`: brings the whole stack up on loopback, sends one message the whole way, and stays until a signal. */
async function main(): Promise<number> {
  const options = readOptions();
  const layout = layoutOf(options.state, options.basePort);
  const supervisor = new Supervisor({
    onDied: (name, how, pauseMs) => say(`! ${name} ${how}; it is started again in ${pauseMs / 1000} s`),
    onRestarted: (name, pid) => {
      say(`• ${name} is back (process ${pid})`);
      rewritePids(layout, supervisor);
    },
  });
  const stopSignal = onSignals(supervisor);
  prepareStateFolder(layout);
  claimStateFolder(layout);
  try {
    const left = await endLeftovers(layout);
    if (left > 0) say(`• ended ${left} processes of a launcher that was killed`);
    removeStackFile(layout);
    const up = bringUp(layout, supervisor);
    const interrupted = await Promise.race([up.then(() => undefined), stopSignal]);
    if (interrupted !== undefined) {
      // What is starting now ends before the parts that it needs.
      await supervisor.stop();
      await up.catch(() => undefined);
      return 130;
    }
    if (options.once) return 0;
    say('Ctrl-C ends it.');
    say(`\n• ${await stopSignal}: ending`);
    return 0;
  } finally {
    removeStackFile(layout);
    await supervisor.stop();
    releaseStateFolder(layout);
    say('• ended');
  }
}

async function bringUp(layout: Layout, supervisor: Supervisor): Promise<void> {
  const start = performance.now();
  const given = process.env.DATABASE_URL || undefined;
  const services: ServiceName[] = [
    'smtp',
    'lmtp',
    'imap',
    'imaps',
    'pop3',
    'pop3s',
    'managesieve',
    'webmail',
    'ldap',
    'hub',
    'hubSubmission',
    'hubSubmissions',
    'outbound',
    'submission',
    'submissions',
    'console',
    'relayAdmin',
  ];
  await checkPorts(layout, given === undefined ? [...services, 'database'] : services);

  say(`• ${certificateLine(await keepDemoCertificates(layout))}`);
  if (given === undefined) {
    await step('private database', supervisor, databasePart(layout));
  } else {
    const version = await checkDatabase(given);
    writeSecret(layout, 'database-url', given.replace(/^mariadb:/, 'mysql:'));
    say(`• database of DATABASE_URL (${version})`);
  }
  await step('directory with the sample tree (LDAP)', supervisor, directoryPart(layout));
  await step('store (LMTP, IMAP, POP3, ManageSieve, hub)', supervisor, storePart(layout));
  await step('gateway (SMTP)', supervisor, relayPart(layout, { relay: setsProgramsAside }));
  await step('webmail (HTTPS)', supervisor, webmailPart(layout));

  const [account] = DEMO_ACCOUNTS;
  if (account === undefined) throw new Error('the sample tree has no account');
  const message = await sendFirstMessage(layout, account);
  say(`• one message sent by SMTP, read back by IMAP, the same byte for byte (${Math.round(message.tookMs)} ms)\n`);
  const logs = ['relay.log', 'store.log'].map((name) => layout.at('log', name));
  const journeys = await findJourneys(message.messageId, async function* () {
    for (const path of logs) yield* readLog(path);
  });
  for (const journey of journeys) say(renderJourney(journey));

  const stack = describeStack(layout, supervisor, given);
  writeStackFile(layout, stack);
  say(summary(layout, stack));
  say(`Everything answers after ${((performance.now() - start) / 1000).toFixed(1)} s.`);
}

async function step(what: string, supervisor: Supervisor, part: Part): Promise<void> {
  const start = performance.now();
  await supervisor.add(part);
  say(`• ${what}: process ${supervisor.pids[part.name]}, ${Math.round(performance.now() - start)} ms`);
}

function describeStack(layout: Layout, supervisor: Supervisor, databaseUrl: string | undefined): StackFile {
  const { smtp, lmtp, imap, imaps, pop3, pop3s, managesieve, webmail, ldap, database } = layout.endpoints;
  const { hub, hubSubmission, hubSubmissions, submission, submissions } = layout.endpoints;
  const password = keepSecret(layout, 'database');
  return {
    smtp,
    submission,
    submissions,
    lmtp,
    imap,
    imaps,
    pop3,
    pop3s,
    managesieve,
    hub,
    hubSubmission,
    hubSubmissions,
    webmail: { url: `https://${webmail.host}:${webmail.port}` },
    console: { url: `https://${layout.endpoints.console.host}:${layout.endpoints.console.port}` },
    ldap: {
      url: `ldap://${ldap.host}:${ldap.port}`,
      baseDn: BASE_DN,
      adminDn: ADMIN_DN,
      adminPassword: keepSecret(layout, 'ldap-admin'),
    },
    database: { url: databaseUrl ?? `mysql://postern:${password}@${database.host}:${database.port}/postern` },
    ca: layout.at('pki', 'ca.pem'),
    pids: supervisor.pids,
    accounts: DEMO_ACCOUNTS,
  };
}

/** Before everything answers there is no file to rewrite; the first writing has the pids of that moment. */
function rewritePids(layout: Layout, supervisor: Supervisor): void {
  let stack: StackFile;
  try {
    stack = readStackFile(layout);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  writeStackFile(layout, { ...stack, pids: supervisor.pids });
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a second one ends every part at once. */
function onSignals(supervisor: Supervisor): Promise<string> {
  return new Promise((done) => {
    let seen = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (seen) supervisor.kill();
        seen = true;
        done(signal);
      });
    }
  });
}

function readOptions(): Options {
  let values: { once?: boolean; state?: string; 'base-port'?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: {
        once: { type: 'boolean' },
        state: { type: 'string' },
        'base-port': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new Sentence(`${messageOf(error)}\n${USAGE}`);
  }
  if (values.help === true) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const text = values['base-port'] ?? process.env.POSTERN_BASE_PORT;
  const basePort = text === undefined ? undefined : Number(text);
  if (basePort !== undefined && (!Number.isInteger(basePort) || basePort < 1 || basePort > 65_000)) {
    throw new Sentence(`--base-port wants a number from 1 to 65000, not ${JSON.stringify(text)}.`);
  }
  return { once: values.once ?? false, state: values.state ?? process.env.POSTERN_STATE, basePort };
}

try {
  process.exitCode = await main();
} catch (error) {
  const clear = error instanceof Sentence || error instanceof DatabaseUnavailable;
  process.stderr.write(
    `postern: ${clear || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message)}\n`,
  );
  process.exitCode = 1;
}
