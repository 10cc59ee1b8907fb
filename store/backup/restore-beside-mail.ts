import { findEntry } from '@postern/shared/settings/entries.ts';
import { SIEVE_ERROR_ENTRY, VACATION_ENTRY } from '../mailstore/door/scripts.ts';
import { type BackupSource, type BackupValue, MAILBOX_COLUMNS, type Mailstore } from '../mailstore/mailstore.ts';
import type { RestoredMailbox } from './restore-backup.ts';

/** What came back beside mail into an account that lives. What the account has of its own stays. */
export interface RestoredBesideMail {
  readonly subscriptions: number;
  /** Names under which scripts came back: those of which another text is there, under a new one. */
  readonly scripts: readonly string[];
  /** METADATA entries, of the account and of the restored mailboxes. */
  readonly settings: number;
}

const NOTHING: RestoredBesideMail = { subscriptions: 0, scripts: [], settings: 0 };

/**
 * Subscriptions, Sieve scripts and METADATA of a backup into an account that lives, and METADATA of the mailboxes that were put into
 * it. Secrets do not come back here (app passwords, second factor): whoever revoked one would have it again.
 *
 * @param whole the account; else its restored mailboxes alone
 * @param label distinguishes a script of the backup from another text of its name, e.g. `2026-11-21`
 */
export async function restoreBesideMail(
  mailstore: Mailstore,
  accountId: number,
  source: BackupSource,
  restored: readonly RestoredMailbox[],
  { whole, label }: { readonly whole: boolean; readonly label: string },
): Promise<RestoredBesideMail> {
  const result = { subscriptions: 0, scripts: [] as string[], settings: 0 };
  const targets = new Map<number, number>();
  for await (const { table, rows } of source.rows()) {
    if (table === 'mailbox') for (const row of rows) await addTarget(mailstore, accountId, row, restored, targets);
    for (const row of rows) {
      if (whole && table === 'subscription' && (await subscribe(mailstore, accountId, String(row[1]))))
        result.subscriptions += 1;
      if (whole && table === 'sieve_script') {
        const name = await restoreScript(mailstore, accountId, row, label);
        if (name !== undefined) result.scripts.push(name);
      }
      if (table !== 'setting') continue;
      const mailboxId = row[0] === 0 ? (whole ? 0 : undefined) : targets.get(row[0] as number);
      if (mailboxId === undefined) continue;
      if (await restoreSetting(mailstore, accountId, mailboxId, String(row[1]), octets(row[2]))) result.settings += 1;
    }
    // The tables of messages come after all of these.
    if (table === 'email') break;
  }
  return result.subscriptions + result.scripts.length + result.settings === 0 ? NOTHING : result;
}

async function addTarget(
  mailstore: Mailstore,
  accountId: number,
  row: readonly BackupValue[],
  restored: readonly RestoredMailbox[],
  targets: Map<number, number>,
): Promise<void> {
  if (row[1 + MAILBOX_COLUMNS.indexOf('deleted_at')] !== null) return;
  const name = row[1 + MAILBOX_COLUMNS.indexOf('name')];
  const made = restored.find(({ mailbox, result }) => mailbox === name && result.kind === 'restored');
  if (made === undefined) return;
  const found = await mailstore.mailboxes.find(accountId, made.into);
  if (found !== undefined) targets.set(row[0] as number, found.id);
}

async function subscribe(mailstore: Mailstore, accountId: number, name: string): Promise<boolean> {
  if ((await mailstore.mailboxes.subscriptions(accountId)).includes(name)) return false;
  return (await mailstore.mailboxes.subscribe(accountId, name)) === 'subscribed';
}

/** The name under which it came back; undefined when it is there as it was. */
async function restoreScript(
  mailstore: Mailstore,
  accountId: number,
  [, name, content, active]: readonly BackupValue[],
  label: string,
): Promise<string | undefined> {
  const { scripts } = mailstore;
  const text = octets(content).toString('utf8');
  const there = await scripts.get(accountId, String(name));
  if (there === text) return undefined;
  const target = there === undefined ? String(name) : `${String(name)} (${label})`;
  if ((await scripts.get(accountId, target)) === text) return undefined;
  const stored = await scripts.put(accountId, target, text);
  if (stored !== 'stored') throw new Error(`the script ${target} cannot come back: ${stored}`);
  if (active === 1 && (await scripts.active(accountId)) === undefined) await scripts.setActive(accountId, target);
  return target;
}

async function restoreSetting(
  mailstore: Mailstore,
  accountId: number,
  mailboxId: number,
  entry: string,
  value: Buffer,
): Promise<boolean> {
  // What is no METADATA entry is a key of the server's own.
  if (entry === SIEVE_ERROR_ENTRY || findEntry(entry, mailboxId === 0 ? 'server' : 'mailbox') === undefined)
    return false;
  const there = await mailstore.settings.read(accountId, mailboxId);
  if (there.some((setting) => setting.entry === entry)) return false;
  if (entry === VACATION_ENTRY) await mailstore.scripts.setVacation(accountId, value);
  else await mailstore.settings.writeOnce(accountId, mailboxId, entry, value);
  return true;
}

function octets(value: BackupValue | undefined): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value ?? ''), 'utf8');
}
