import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { type ImapServer, openImap } from '../migration/imap.ts';
import { type ImportReport, importMail } from '../migration/import-mail.ts';
import { openMaildir } from '../migration/maildir.ts';
import { fetchScripts } from '../migration/managesieve-client.ts';
import { openMbox } from '../migration/mbox.ts';
import { readScripts } from '../migration/script-files.ts';
import { type MailSource, SourceFault } from '../migration/source.ts';
import { type CommandInput, optional, required, type StoreCommand, Usage } from './command.ts';
import { openProgressBar } from './progress-bar.ts';

type Print = (line: string) => void;

export const importCommand: StoreCommand = {
  usage: `import maildir|mbox PATH --account ADDRESS [--into NAME] [--mailbox NAME] [--sieve PATH] [--follow-deletes] [--json]
                                   brings mail with flags, keywords, dates, mailboxes, subscriptions and scripts; run again, it
                                   goes on and brings nothing twice. --into: below that mailbox; --mailbox: of a single mbox
  import imap HOST[:PORT] --account ADDRESS --user USER --password-file FILE [--for USER] [--tls implicit|starttls|none]
              [--ca FILE] [--managesieve PORT | --sieve PATH] [--follow-deletes] [--into NAME] [--json]
                                   the same from another server, which is only read; a later run brings what is new and what
                                   flags became. --for: whose mail, where USER may sign in for others`,
  migrates: true,
  async run(mailstore, input, print) {
    const [kind = '', from, ...more] = input.words;
    if (from === undefined || more.length > 0 || !['maildir', 'mbox', 'imap'].includes(kind)) {
      throw new Usage('import wants maildir PATH, mbox PATH or imap HOST');
    }
    const accountId = await accountFor(mailstore, input);
    if (typeof accountId === 'string') {
      print(accountId);
      return 1;
    }
    try {
      return await importFrom(mailstore, accountId, () => openSource(kind, from, input), input, print);
    } catch (fault) {
      if (!(fault instanceof SourceFault)) throw fault;
      print(`${fault.message}; run it again to go on`);
      return 1;
    }
  },
};

async function importFrom(
  mailstore: Mailstore,
  accountId: number,
  open: () => Promise<MailSource>,
  input: CommandInput,
  print: Print,
): Promise<number> {
  const into = optional(input, 'into');
  const options = {
    prefix: into === undefined ? '' : `${into}/`,
    followDeletes: input.options['follow-deletes'] === true,
  };
  const bar = openProgressBar();
  const source = await open();
  try {
    const report = await importMail(mailstore, accountId, source, options, (mailbox, done, of) =>
      bar.show(done, of, mailbox),
    );
    bar.end();
    tell(report, input.options.json === true, print);
    return report.failures.length === 0 ? 0 : 1;
  } finally {
    bar.end();
    await source.close();
  }
}

async function openSource(kind: string, from: string, input: CommandInput): Promise<MailSource> {
  const sieve = optional(input, 'sieve');
  const scriptsHere = sieve === undefined ? undefined : await readScripts(resolve(sieve));
  if (scriptsHere?.length === 0) throw new SourceFault(`${sieve} has no Sieve script`);
  if (kind === 'imap') return openImapSource(from, input, scriptsHere);
  const source =
    kind === 'maildir'
      ? await openMaildir(resolve(from))
      : await openMbox(resolve(from), optional(input, 'mailbox') ?? 'INBOX');
  return scriptsHere === undefined ? source : { ...source, scripts: async () => scriptsHere };
}

function openImapSource(
  from: string,
  input: CommandInput,
  scriptsHere: Awaited<ReturnType<typeof readScripts>> | undefined,
): Promise<MailSource> {
  const tls = optional(input, 'tls') ?? 'implicit';
  if (tls !== 'implicit' && tls !== 'starttls' && tls !== 'none')
    throw new Usage('--tls is implicit, starttls or none');
  const [, host = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(from) ?? [];
  if (host === '') throw new Usage('import imap wants HOST or HOST:PORT');
  const ca = optional(input, 'ca');
  const server: ImapServer = {
    host: host.replaceAll(/^\[|\]$/g, ''),
    port: Number(port ?? (tls === 'implicit' ? 993 : 143)),
    tls,
    user: required(input, 'user'),
    onBehalfOf: optional(input, 'for'),
    // Not on the command line, where every user of the machine reads it.
    password: readFileSync(required(input, 'password-file'), 'utf8').replace(/\r?\n$/, ''),
    ca: ca === undefined ? undefined : readFileSync(ca, 'utf8'),
  };
  const sievePort = optional(input, 'managesieve');
  // RFC 5804 §1.1 knows STARTTLS alone.
  const sieveServer: ImapServer = {
    ...server,
    port: Number(sievePort ?? 4190),
    tls: tls === 'none' ? 'none' : 'starttls',
  };
  return openImap(server, async () => {
    if (scriptsHere !== undefined) return scriptsHere;
    return sievePort === undefined ? [] : fetchScripts(sieveServer);
  });
}

/** The account of the store; made for an entry of the directory that has none yet. A sentence where there is no such entry. */
async function accountFor(mailstore: Mailstore, input: CommandInput): Promise<number | string> {
  const address = required(input, 'account');
  const known = await mailstore.accounts.find(address);
  if (known !== undefined) return known.id;
  const directory = openLdapDirectory(input.config.directory, silentLog());
  try {
    const answer = await directory.lookUp(address);
    if (answer.kind !== 'account') return `the directory answers for ${address}: ${answer.kind}`;
    const ensured = await mailstore.accounts.ensure(answer.account);
    return ensured.kind === 'ready'
      ? ensured.account.id
      : 'another entry has an account of this address: see account adopt';
  } finally {
    await directory.close();
  }
}

function tell(report: ImportReport, json: boolean, print: Print): void {
  if (json) {
    print(JSON.stringify(report));
    return;
  }
  for (const { mailbox, imported, before, flagsChanged, removed, unchanged } of report.mailboxes) {
    const more = [
      ...(before > 0 ? [`${before} were there`] : []),
      ...(flagsChanged > 0 ? [`flags of ${flagsChanged} changed`] : []),
      ...(removed > 0 ? [`${removed} removed`] : []),
    ];
    print(unchanged ? `${mailbox}: unchanged` : [`${mailbox}: ${imported} imported`, ...more].join(', '));
  }
  for (const failure of report.failures) print(`failed: ${failure}`);
  const { imported, subscriptions, scripts, failures } = report;
  print(
    `${imported} messages imported, ${subscriptions} subscriptions, ${scripts} scripts, ${failures.length} failures`,
  );
}
