import type { BackedUpAccount } from '../backup/backup-folder.ts';
import { BackupFolder } from '../backup/backup-folder.ts';
import {
  accountIn,
  type RestoredMailbox,
  restoreEverything,
  restoreMailboxes,
  sourceOf,
} from '../backup/restore-backup.ts';
import { restoreBesideMail } from '../backup/restore-beside-mail.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { type CommandInput, optional, type StoreCommand, Usage } from './command.ts';
import { openProgressBar, type ProgressBar } from './progress-bar.ts';

type Print = (line: string) => void;

export const restore: StoreCommand = {
  usage: `restore DIR --list               the backups of a folder, and with --snapshot TIME the accounts of one
  restore DIR [--snapshot TIME] [--new-uidvalidity]
                                   everything, into an empty database; the newest backup unless another is named
  restore DIR --account ADDRESS [--snapshot TIME] [--mailbox NAME] [--into NAME]
                                   an account that is gone, as it was; or from a backup of one that lives, its mailboxes
                                   below NAME, or one mailbox as NAME. A restore that was broken off is run again`,
  migrates: true,
  async run(mailstore, input, print) {
    const [path, ...more] = input.words;
    if (path === undefined || more.length > 0) throw new Usage('restore wants one folder');
    const folder = new BackupFolder(path);
    const snapshots = await folder.snapshots();
    const snapshot = optional(input, 'snapshot') ?? snapshots.at(-1);
    if (snapshot === undefined || !snapshots.includes(snapshot)) {
      print(snapshot === undefined ? 'there is no finished backup' : 'there is no backup of this name: see --list');
      return 1;
    }
    if (input.options.list === true) return list(folder, optional(input, 'snapshot'), snapshots, print);
    const bar = openProgressBar();
    try {
      return optional(input, 'account') === undefined
        ? await everything(mailstore, folder, snapshot, input, bar, print)
        : await one(mailstore, folder, snapshot, input, bar, print);
    } finally {
      bar.end();
    }
  },
};

async function list(
  folder: BackupFolder,
  snapshot: string | undefined,
  snapshots: readonly string[],
  print: Print,
): Promise<number> {
  if (snapshot === undefined) for (const name of snapshots) print(name);
  else {
    for (const { address, messages, takenAt, uuid } of (await folder.manifest(snapshot)).accounts) {
      print([address, messages, takenAt, uuid].join('\t'));
    }
  }
  return 0;
}

async function everything(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  input: CommandInput,
  bar: ProgressBar,
  print: Print,
): Promise<number> {
  if (optional(input, 'mailbox') !== undefined) throw new Usage('--mailbox wants --account');
  const { accounts } = await folder.manifest(snapshot);
  const due = accounts.reduce((sum, { messages }) => sum + messages, 0);
  const seen = new Map<string, number>();
  const result = await restoreEverything(mailstore, folder, snapshot, uidValidityOf(input), (address, messages) => {
    seen.set(address, messages);
    bar.show(
      [...seen.values()].reduce((a, b) => a + b, 0),
      due,
      address,
    );
  });
  bar.end();
  if (result.kind === 'not-empty') {
    print(
      `the database has ${result.accounts} accounts that are not of this backup: restore accounts one by one, or into an empty one`,
    );
    return 1;
  }
  if (input.options.json === true) print(JSON.stringify({ snapshot, ...result }));
  else
    print(
      `restored ${result.accounts} accounts, ${result.messages} messages; ${result.before} accounts were there already`,
    );
  return 0;
}

async function one(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  input: CommandInput,
  bar: ProgressBar,
  print: Print,
): Promise<number> {
  const address = optional(input, 'account') ?? '';
  const account = accountIn(await folder.manifest(snapshot), address);
  if (account === undefined) {
    print('this backup has no such account');
    return 1;
  }
  const show = (_: string, messages: number): void => bar.show(messages, account.messages, address);
  const living = await mailstore.accounts.find(address);
  if (living === undefined) return goneAccount(mailstore, folder, snapshot, account, show, print);
  const mailbox = optional(input, 'mailbox');
  const into = optional(input, 'into') ?? defaultTarget(mailbox, snapshot);
  const order = { accountId: living.id, mailbox, into };
  const restored = await restoreMailboxes(mailstore, folder, snapshot, account, order, show);
  const source = await sourceOf(folder, snapshot, account, () => {});
  const beside = await restoreBesideMail(mailstore, living.id, source, restored, {
    whole: mailbox === undefined,
    label: snapshot.slice(0, 10),
  });
  bar.end();
  if (input.options.json === true) print(JSON.stringify({ snapshot, mailboxes: restored, ...beside }));
  else {
    for (const each of restored) print(sentenceOf(each));
    const { subscriptions, scripts, settings } = beside;
    print(
      `beside mail: ${subscriptions} subscriptions, ${settings} settings, scripts: ${scripts.join(', ') || 'none'}`,
    );
  }
  return restored.every(({ result }) => result.kind === 'restored' || result.kind === 'was-restored') ? 0 : 1;
}

async function goneAccount(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  account: BackedUpAccount,
  show: (address: string, messages: number) => void,
  print: Print,
): Promise<number> {
  const source = await sourceOf(folder, snapshot, account, show);
  // It lived on after the backup: what clients know of its later mail must not count.
  const order = { directoryUuid: account.uuid, snapshot, uidValidity: 'new' } as const;
  const result = await mailstore.backups.restoreAccount(order, source);
  const told = {
    restored: `restored ${account.address} with new UIDVALIDITYs`,
    'was-restored': 'was restored already',
    'account-exists': 'the entry has an account under another address: see account list',
    'address-taken': 'another entry has an account of this address: see account list',
  }[result.kind];
  print(result.kind === 'restored' ? `${told}: ${result.messages} messages` : told);
  return result.kind === 'restored' || result.kind === 'was-restored' ? 0 : 1;
}

function uidValidityOf(input: CommandInput): 'keep' | 'new' {
  return input.options['new-uidvalidity'] === true ? 'new' : 'keep';
}

/** `Restored 2026-11-21`, and below it the mailbox. */
function defaultTarget(mailbox: string | undefined, snapshot: string): string {
  const folder = `Restored ${snapshot.slice(0, 10)}`;
  return mailbox === undefined ? folder : `${folder}/${mailbox}`;
}

function sentenceOf({ mailbox, into, result }: RestoredMailbox): string {
  switch (result.kind) {
    case 'restored':
      return `${mailbox}: ${result.messages} messages, as ${into}`;
    case 'was-restored':
      return `${mailbox}: is there already, as ${into}`;
    case 'exists':
      return `${mailbox}: a mailbox ${into} exists: give another name by --into`;
    case 'no-such-mailbox':
      return `${mailbox}: this backup has no such mailbox`;
    case 'invalid-name':
      return `${mailbox}: ${result.why}`;
  }
}
