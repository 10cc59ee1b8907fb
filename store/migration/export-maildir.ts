import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../backup/durable-file.ts';
import { encodeMailboxName } from '../imap/codec/mailbox-name.ts';
import { ANSWERED, DELETED, DRAFT, FLAGGED, SEEN } from '../mailstore/flags.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import { type ExportedMessage, exportedMessages, withLf } from './exported-message.ts';

export interface ExportReport {
  readonly mailboxes: number;
  messages: number;
  /** Not written again: an earlier run has. */
  before: number;
  /** Mailboxes whose names the format cannot hold. */
  readonly failures: string[];
}

const LETTERS: readonly (readonly [string, number])[] = [
  ['D', DRAFT],
  ['F', FLAGGED],
  ['R', ANSWERED],
  ['S', SEEN],
  ['T', DELETED],
];
/** Letters of Dovecot's keywords: `a` to `z`. */
const MAX_KEYWORDS = 26;

/**
 * Writes a Maildir++ as Dovecot keeps it: UIDs and UIDVALIDITY in `dovecot-uidlist`, keywords in `dovecot-keywords`, internal dates as the
 * times of files, subscriptions, and Sieve scripts in `sieve/`.
 */
export async function exportMaildir(
  mailstore: Mailstore,
  accountId: number,
  path: string,
  onExported: (mailbox: string, messages: number) => void = () => {},
): Promise<ExportReport> {
  const mailboxes = await mailstore.mailboxes.list(accountId);
  const report: ExportReport = { mailboxes: mailboxes.length, messages: 0, before: 0, failures: [] };
  for (const { id, name, uidValidity } of mailboxes) {
    const folder = name === 'INBOX' ? path : join(path, `.${maildirName(name)}`);
    const [status] = await mailstore.mailboxes.status([id]);
    const uidNext = status?.uidNext ?? 1;
    const lost = await exportFolder(mailstore, { id, uidValidity, uidNext }, folder, report, (n) =>
      onExported(name, n),
    );
    if (lost.length > 0) report.failures.push(`${name}: a maildir has 26 keywords, not these: ${lost.join(' ')}`);
  }
  const subscribed = await mailstore.mailboxes.subscriptions(accountId);
  const lines = subscribed.map((name) => `${maildirName(name)}\n`);
  await writeDurably(join(path, 'subscriptions'), (file) => file.writeFile(lines.join('')));
  for (const { name, active } of await mailstore.scripts.list(accountId)) {
    const text = (await mailstore.scripts.get(accountId, name)) ?? '';
    const place = join(path, 'sieve', `${name.replaceAll(/[/\\]/g, '_').replace(/^\.+/, '_')}.sieve`);
    await writeDurably(place, (file) => file.writeFile(text));
    if (active) await writeDurably(join(path, 'active.sieve'), (file) => file.writeFile(text));
  }
  return report;
}

/** Dots between levels; one of the name itself as Dovecot's listescape writes it. */
function maildirName(name: string): string {
  return encodeMailboxName(name.replaceAll('.', '\\2e').replaceAll('/', '.'));
}

interface ExportedMailbox {
  readonly id: number;
  readonly uidValidity: number;
  readonly uidNext: number;
}

/** Returns the keywords that found no letter. */
async function exportFolder(
  mailstore: Mailstore,
  { id, uidValidity, uidNext }: ExportedMailbox,
  folder: string,
  report: ExportReport,
  onMessage: (messages: number) => void,
): Promise<string[]> {
  for (const place of ['tmp', 'new', 'cur']) await mkdir(join(folder, place), { recursive: true, mode: 0o700 });
  // The same names at every run: a second export finds what the first one wrote, whatever flags have become.
  const written = new Map((await readdir(join(folder, 'cur'))).map((name) => [name.split(':2,')[0] ?? name, name]));
  const keywords: string[] = [];
  const uids: string[] = [];
  for await (const message of exportedMessages(mailstore, id)) {
    const base = `${Math.floor(message.internalDate.getTime() / 1000)}.M${uidValidity}U${message.uid}.postern`;
    uids.push(`${message.uid} :${base}\n`);
    const name = `${base}:2,${lettersOf(message.flags.system, message.flags.keywords, keywords)}`;
    const before = written.get(base);
    written.delete(base);
    if (before === undefined) {
      await writeMessage(folder, base, name, message);
      report.messages += 1;
    } else {
      if (before !== name) await rename(join(folder, 'cur', before), join(folder, 'cur', name));
      report.before += 1;
    }
    onMessage(uids.length);
  }
  // What an earlier run wrote and has gone since.
  const ours = new RegExp(`^\\d+\\.M${uidValidity}U\\d+\\.postern$`);
  for (const [base, name] of written) if (ours.test(base)) await rm(join(folder, 'cur', name));
  const header = `3 V${uidValidity} N${uidNext}\n`;
  await writeDurably(join(folder, 'dovecot-uidlist'), (file) => file.writeFile(header + uids.join('')));
  const list = keywords.slice(0, MAX_KEYWORDS).map((name, no) => `${no} ${name}\n`);
  if (list.length > 0) await writeDurably(join(folder, 'dovecot-keywords'), (file) => file.writeFile(list.join('')));
  return keywords.slice(MAX_KEYWORDS);
}

async function writeMessage(folder: string, base: string, name: string, message: ExportedMessage): Promise<void> {
  const beside = join(folder, 'tmp', base);
  await writeFile(beside, withLf(await message.bytes()), { mode: 0o600, flush: true });
  await utimes(beside, message.internalDate, message.internalDate);
  await rename(beside, join(folder, 'cur', name));
}

/** Letters in the order of ASCII, as readers want them. Gathers the names in `known`; those beyond the 26th have no letter. */
function lettersOf(system: number, names: readonly string[], known: string[]): string {
  const letters = LETTERS.filter(([, bit]) => (system & bit) !== 0).map(([letter]) => letter);
  for (const name of names) {
    if (!known.includes(name)) known.push(name);
    const no = known.indexOf(name);
    if (no < MAX_KEYWORDS) letters.push(String.fromCharCode(97 + no));
  }
  return letters.sort().join('');
}
