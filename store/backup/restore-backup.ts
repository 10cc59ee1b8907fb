import {
  type BackupSource,
  MAILBOX_COLUMNS,
  type Mailstore,
  type RestoreBackedUpMailboxResult,
} from '../mailstore/mailstore.ts';
import { readAccountFile } from './account-file.ts';
import { type BackedUpAccount, type BackupFolder, hashOfFile, type Manifest } from './backup-folder.ts';

export interface RestoreReport {
  readonly accounts: number;
  /** Accounts that an earlier run had brought. */
  readonly before: number;
  readonly messages: number;
}

export type RestoreAllResult =
  | ({ readonly kind: 'restored' } & RestoreReport)
  /** Accounts are there that this backup has not brought. */
  | { readonly kind: 'not-empty'; readonly accounts: number };

/** Called with the account under way and how many of its messages are there. */
export type OnRestored = (address: string, messages: number) => void;

/**
 * Puts everything back into an empty database; broken off, it is run again. UIDVALIDITY is kept unless told otherwise: `new` when
 * clients may have seen mail that is later than the backup.
 */
export async function restoreEverything(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  uidValidity: 'keep' | 'new',
  onRestored: OnRestored = () => {},
): Promise<RestoreAllResult> {
  const { accounts } = await folder.manifest(snapshot);
  const strangers = await mailstore.backups.strangers(snapshot);
  if (strangers > 0) return { kind: 'not-empty', accounts: strangers };
  const uuids = accounts.map(({ uuid }) => uuid);
  await mailstore.backups.reserve(accounts);
  let before = 0;
  let messages = 0;
  for (const account of accounts) {
    const source = await sourceOf(folder, snapshot, account, onRestored);
    const result = await mailstore.backups.restoreAccount(
      { directoryUuid: account.uuid, snapshot, uidValidity },
      source,
    );
    if (result.kind === 'restored') messages += result.messages;
    else if (result.kind === 'was-restored') before += 1;
    else throw new Error(`${account.address}: ${result.kind}`);
  }
  await mailstore.backups.releaseReserved(uuids);
  return { kind: 'restored', accounts: accounts.length - before, before, messages };
}

/** The account's entry in the backup's list; addresses ignore case. */
export function accountIn(manifest: Manifest, address: string): BackedUpAccount | undefined {
  return manifest.accounts.find((account) => account.address.toLowerCase() === address.toLowerCase());
}

export interface RestoredMailbox {
  readonly mailbox: string;
  readonly into: string;
  readonly result: RestoreBackedUpMailboxResult;
}

/** Puts mailboxes of a backup into an account that lives: one, or all of them below `into`. */
export async function restoreMailboxes(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  account: BackedUpAccount,
  order: { readonly accountId: number; readonly mailbox: string | undefined; readonly into: string },
  onRestored: OnRestored = () => {},
): Promise<RestoredMailbox[]> {
  const source = await sourceOf(folder, snapshot, account, onRestored);
  const wanted = order.mailbox === undefined ? await mailboxesIn(source) : [order.mailbox];
  const restored: RestoredMailbox[] = [];
  for (const mailbox of wanted) {
    const into = order.mailbox === undefined ? `${order.into}/${mailbox}` : order.into;
    const { accountId } = order;
    const result = await mailstore.backups.restoreMailbox(
      { accountId, directoryUuid: account.uuid, snapshot, mailbox, into },
      source,
    );
    restored.push({ mailbox, into, result });
  }
  return restored;
}

/** What the mailstore reads an account from. Rejects when its file is not what the manifest says. */
export async function sourceOf(
  folder: BackupFolder,
  snapshot: string,
  account: BackedUpAccount,
  onRestored: OnRestored,
): Promise<BackupSource> {
  const path = folder.accountPath(snapshot, account.uuid);
  if ((await hashOfFile(path)) !== account.sha256) throw new Error(`${path} is damaged`);
  return {
    rows: () => readAccountFile(path),
    body: (sha256) => folder.body(sha256),
    progress: (messages) => onRestored(account.address, messages),
  };
}

/** Names of the mailboxes that were not deleted; INBOX first, parents before children. */
async function mailboxesIn(source: BackupSource): Promise<string[]> {
  const name = 1 + MAILBOX_COLUMNS.indexOf('name');
  const deletedAt = 1 + MAILBOX_COLUMNS.indexOf('deleted_at');
  for await (const { table, rows } of source.rows()) {
    if (table !== 'mailbox') continue;
    return rows
      .filter((row) => row[deletedAt] === null)
      .map((row) => row[name] as string)
      .sort((a, b) => Number(b === 'INBOX') - Number(a === 'INBOX') || (a < b ? -1 : 1));
  }
  return [];
}
