import { readFileSync } from 'node:fs';
import { openLdapDirectory } from '@postern/shared/directory/ldap-directory.ts';
import { PersonDirectory } from '@postern/shared/directory/person-directory.ts';
import { openLog } from '@postern/shared/runtime/log.ts';
import { changeAccount, createAccount, listAccounts, setAccountPassword } from '../administration/accounts.ts';
import type { Acting } from '../administration/acting.ts';
import { changeAlias, createAlias, listAliases, removeAlias } from '../administration/aliases.ts';
import { markDeleted, purge as purgeForGood, undoDeletion } from '../administration/deletion.ts';
import { exportEntries } from '../administration/export.ts';
import { findAccount, findAlias } from '../administration/find.ts';
import { importRows } from '../administration/import.ts';
import { deletedMail, type OperationParts, queuesOf, storeUsage } from '../administration/operation.ts';
import { relayAdmin } from '../console/relay-admin.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { type CommandInput, optional, required, type StoreCommand, Usage } from './command.ts';
import { DOMAIN_SETTINGS, domain, postmaster } from './domains.ts';
import { all, PAGE, type Work, wordOf } from './work.ts';

const GRACE_MS = 14 * 86_400_000;
/** `--as` somebody, with their password: the directory's rules are theirs here as everywhere. */
const AS = '--as ADDRESS [--as-password-file FILE]';

function passwordOf(input: CommandInput): string | undefined {
  const file = optional(input, 'password-file');
  return file === undefined ? undefined : readFileSync(file, 'utf8').replace(/\r?\n$/, '');
}

const user: Work = async (parts, acting, input) => {
  const verb = input.words[0] ?? 'list';
  if (verb === 'list') {
    return all((cursor) =>
      listAccounts(parts, acting, { search: '', domain: optional(input, 'domain'), cursor, size: PAGE }),
    );
  }
  const address = wordOf(input, 1, 'the address');
  switch (verb) {
    case 'show':
      return findAccount(parts, acting, address);
    case 'create': {
      const welcome = optional(input, 'welcome');
      if (welcome !== undefined && welcome !== 'en' && welcome !== 'de' && welcome !== 'fr')
        throw new Usage('--welcome is en, de or fr');
      return createAccount(parts, acting, {
        address,
        name: optional(input, 'name'),
        password: passwordOf(input),
        quotaBytes: quotaOption(input),
        welcome,
      });
    }
    case 'suspend':
    case 'resume':
      return changeAccount(parts, acting, address, { active: verb === 'resume' });
    case 'delete':
      return markDeleted(parts, acting, 'account', address);
    case 'undo':
      return undoDeletion(parts, acting, 'account', address);
    default:
      throw new Usage('user knows: list, show, create, suspend, resume, delete, undo');
  }
};

const alias: Work = async (parts, acting, input) => {
  const verb = input.words[0] ?? 'list';
  if (verb === 'list') {
    return all((cursor) =>
      listAliases(parts, acting, { search: '', domain: optional(input, 'domain'), cursor, size: PAGE }),
    );
  }
  const address = wordOf(input, 1, 'the address');
  const targets = input.words.slice(2);
  switch (verb) {
    case 'show':
      return findAlias(parts, acting, address);
    case 'create':
      return createAlias(parts, acting, { address, targets });
    case 'set':
      return changeAlias(parts, acting, address, { targets });
    case 'remove':
      return removeAlias(parts, acting, address);
    default:
      throw new Usage('alias knows: list, show, create, set, remove');
  }
};

const password: Work = (parts, acting, input) =>
  setAccountPassword(parts, acting, wordOf(input, 0, 'the address'), { password: passwordOf(input) });

const QUOTA_FORM = 'the quota is a number of octets, and one of messages; 0 is none';

function numberIn(text: string): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new Usage(QUOTA_FORM);
  return number;
}

function quotaOption(input: CommandInput): number | undefined {
  const given = optional(input, 'quota');
  return given === undefined ? undefined : numberIn(given);
}

const quota: Work = (parts, acting, input) => {
  const [, , messages] = input.words;
  return changeAccount(parts, acting, wordOf(input, 0, 'the address'), {
    quotaBytes: numberIn(wordOf(input, 1, 'the number of octets')),
    quotaMessages: messages === undefined ? undefined : numberIn(messages),
  });
};

const queues: Work = (parts, acting) => queuesOf(parts, acting);
const usage: Work = (parts, acting) => storeUsage(parts, acting);
const deleted: Work = (parts, acting, input) => deletedMail(parts, acting, wordOf(input, 0, 'the address'));

const purge: Work = (parts, acting, input) => {
  const name = wordOf(input, 0, 'an address or a domain');
  const evenWithinGrace = input.options['even-within-grace'] === true;
  return purgeForGood(parts, acting, name.includes('@') ? 'account' : 'domain', name, { evenWithinGrace });
};

const importFile: Work = (parts, acting, input) => {
  const file = wordOf(input, 0, 'the file');
  const format = optional(input, 'format') ?? (file.endsWith('.ldif') ? 'ldif' : 'csv');
  if (format !== 'csv' && format !== 'ldif') throw new Usage('--format is csv or ldif');
  return importRows(parts, acting, {
    format,
    text: readFileSync(file, 'utf8'),
    dryRun: input.options.apply !== true,
    goodRowsOnly: input.options['good-rows-only'] === true,
  });
};

const exportAll: Work = (parts, acting, input) => {
  const format = optional(input, 'format') ?? 'csv';
  if (format !== 'csv' && format !== 'ldif') throw new Usage('--format is csv or ldif');
  return exportEntries(parts, acting, { format, domain: optional(input, 'domain') });
};

/** Works as the person that `--as` names; prints JSON (an export as it is), and exits 1 when it was refused. */
function command(usage: string, work: Work): StoreCommand {
  return {
    usage,
    migrates: false,
    async run(mailstore, input, print) {
      const { config } = input;
      const relay = config.console?.relay;
      const log = openLog({ name: 'postern-store', level: 'warn', file: config.log.file });
      const directory = openLdapDirectory(config.directory, log);
      try {
        const acting = await actAs(input, mailstore, directory);
        if (typeof acting === 'string') {
          print(JSON.stringify({ error: acting }));
          return 1;
        }
        const parts: OperationParts = {
          directory: config.directory,
          mailstore,
          lookUp: (address) => directory.lookUp(address),
          log,
          graceMs: config.console?.graceMs ?? GRACE_MS,
          relay: relay && relayAdmin(relay, relay.tls ?? config.tls, config.ca),
          certificates: [...new Set([config.tls.cert, (config.console?.tls ?? config.tls).cert, config.ca])],
          signInDirectory: directory,
          hostname: config.hostname,
        };
        const outcome = await work(parts, acting, input);
        acting.person.close();
        if (outcome.kind === 'done') {
          print(
            typeof outcome.value === 'string'
              ? outcome.value.replace(/\n$/, '')
              : JSON.stringify(outcome.value, null, 2),
          );
          return 0;
        }
        print(JSON.stringify({ error: outcome.why, kind: outcome.kind, field: outcome.field }));
        return 1;
      } finally {
        await directory.close();
      }
    },
  };
}

/** The sign-in is the console's: an account with a second factor is refused here, since nobody types a code into a script. */
async function actAs(
  input: CommandInput,
  mailstore: Mailstore,
  directory: ReturnType<typeof openLdapDirectory>,
): Promise<Acting | string> {
  const address = required(input, 'as');
  const file = optional(input, 'as-password-file');
  const given = file === undefined ? process.env.POSTERN_PASSWORD : readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  if (given === undefined) throw new Usage('give the password by --as-password-file or POSTERN_PASSWORD');
  const answer = await directory.signIn({ user: address, password: given, service: 'console' });
  if (answer.kind === 'unknown') return `the directory does not answer: ${answer.cause}`;
  if (answer.kind === 'refused') return 'address or password is wrong';
  if (answer.account.secondFactor === true) return 'this account has a second factor: use a token of the API';
  await mailstore.accounts.ensure(answer.account);
  const person = new PersonDirectory(input.config.directory, answer.account.dn, () => given);
  return { name: answer.account.address, via: 'cli', client: '', person };
}

export const ADMINISTRATION_COMMANDS: Readonly<Record<string, StoreCommand>> = {
  domain: command(
    `domain list|show|create|set|suspend|resume|delete|undo [NAME [SETTING=VALUE…]] ${AS} [--postmaster ADDRESS]
                                   domains as somebody sees and changes them; JSON
                                   settings: ${DOMAIN_SETTINGS.join(', ')}`,
    domain,
  ),
  postmaster: command(`postmaster list|add|remove DOMAIN [ADDRESS] ${AS}`, postmaster),
  user: command(
    `user list|show|create|suspend|resume|delete|undo [ADDRESS] ${AS} [--domain NAME] [--name TEXT] [--quota OCTETS] [--password-file FILE]
                                   accounts of the directory; without a password one is generated`,
    user,
  ),
  alias: command(`alias list|show|create|set|remove [ADDRESS [TARGET…]] ${AS} [--domain NAME]`, alias),
  password: command(`password ADDRESS ${AS} [--password-file FILE]`, password),
  quota: command(`quota ADDRESS OCTETS [MESSAGES] ${AS}`, quota),
  'deleted-mail': command(`deleted-mail ADDRESS ${AS}`, deleted),
  queues: command(`queues ${AS}                 of hub and relay, for administrators`, queues),
  usage: command(`usage ${AS}                  what the store holds, and when certificates end`, usage),
  purge: command(
    `purge ADDRESS|DOMAIN ${AS} [--even-within-grace]
                                   removes what is marked for deletion, mail and all, for good`,
    purge,
  ),
  import: command(
    `import FILE ${AS} [--format csv|ldif] [--apply] [--good-rows-only]
                                   shows what would differ; --apply does it`,
    importFile,
  ),
  export: command(`export ${AS} [--format csv|ldif] [--domain NAME]`, exportAll),
};
