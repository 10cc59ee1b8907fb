import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeMailboxName } from '../imap/codec/mailbox-name.ts';
import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagSet, SEEN } from '../mailstore/flags.ts';
import { type FolderKeywords, readFolderKeywords, readUids, textOf, uniqueOf } from './maildir-lists.ts';
import { readScripts } from './script-files.ts';
import {
  type MailSource,
  SourceFault,
  type SourceMailbox,
  type SourceMessage,
  validKeywords,
  withCrlf,
} from './source.ts';

const FLAG_LETTERS: Readonly<Record<string, number>> = { R: ANSWERED, F: FLAGGED, T: DELETED, S: SEEN, D: DRAFT };

/** A folder of a Maildir++, as Dovecot and Courier keep them: INBOX in itself, others in `.Name.Of.Folder`. */
export async function openMaildir(path: string): Promise<MailSource> {
  if (!existsSync(join(path, 'cur'))) throw new SourceFault(`${path} is no maildir: it has no folder cur`);
  const folders = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^\.[^.]/.test(entry.name) && existsSync(join(path, entry.name, 'cur')))
    .map((entry) => entry.name)
    .sort();
  return {
    name: `maildir:${path}`,
    mailboxes: () =>
      Promise.all([
        mailboxAt(path, 'INBOX'),
        ...folders.map((name) => mailboxAt(join(path, name), unicodeName(name.slice(1)))),
      ]),
    subscriptions: () => readSubscriptions(path),
    scripts: () => readScripts(join(path, 'sieve')),
    close: async () => {},
  };
}

/**
 * `Work.2026`, in modified UTF-7 (or plain UTF-8), to `Work/2026`. A dot of the name itself is `\2e`, as Dovecot's listescape
 * writes it.
 */
function unicodeName(name: string): string {
  const levels = (decodeMailboxName(name) ?? name).replaceAll('/', '_').split('.');
  return levels.map((level) => level.replaceAll(/\\2e/gi, '.')).join('/');
}

async function mailboxAt(folder: string, name: string): Promise<SourceMailbox> {
  const files = await filesOf(folder);
  // By the name of the message: that of the file changes with the flags.
  const paths = new Map<string, string>();
  return {
    name,
    specialUse: undefined,
    messages: files.length,
    state: undefined,
    read: () => readFolder(folder, name, files, paths),
    bodies: (messages) => Promise.all(messages.map(({ item }) => readMessage(folder, item, paths.get(item) ?? ''))),
  };
}

interface MaildirFile {
  readonly path: string;
  /** Name without flags: the same for as long as the message lives. */
  readonly base: string;
  readonly letters: string;
}

async function listFiles(folder: string): Promise<MaildirFile[]> {
  const files: MaildirFile[] = [];
  for (const place of ['new', 'cur']) {
    if (!existsSync(join(folder, place))) continue;
    for (const name of await readdir(join(folder, place))) {
      if (name.startsWith('.')) continue;
      const [base = '', letters = ''] = name.split(':2,');
      files.push({ path: join(folder, place, name), base, letters });
    }
  }
  return files;
}

/** In the order of their UIDs there, as far as the server has kept them; others by their names, which begin with the time. */
async function filesOf(folder: string): Promise<MaildirFile[]> {
  const uids = await readUids(folder);
  const uidOf = ({ base }: MaildirFile): number => uids.get(uniqueOf(base)) ?? Number.POSITIVE_INFINITY;
  return (await listFiles(folder)).sort((a, b) => {
    const [left, right] = [uidOf(a), uidOf(b)];
    return left === right ? Number(a.base > b.base) - Number(a.base < b.base) : left - right;
  });
}

async function* readFolder(
  folder: string,
  name: string,
  files: readonly MaildirFile[],
  paths: Map<string, string>,
): AsyncIterable<SourceMessage> {
  const keywords = await readFolderKeywords(folder);
  for (const listed of files) {
    const file = existsSync(listed.path) ? listed : await foundAgain(folder, uniqueOf(listed.base));
    const status = file && (await stat(file.path).catch(() => undefined));
    if (file === undefined || status === undefined) continue;
    const item = `${name}/${uniqueOf(file.base)}`;
    paths.set(item, file.path);
    yield {
      item,
      flags: flagsOf(file.letters, keywords, uniqueOf(file.base)),
      // Both servers keep the internal date as the time of the file.
      internalDate: new Date(Math.floor(status.mtimeMs)),
      sizeBytes: status.size,
    };
  }
}

/** A file whose flags changed, or that went from `new` to `cur`, while others were read. */
async function foundAgain(folder: string, unique: string): Promise<MaildirFile | undefined> {
  return (await listFiles(folder)).find(({ base }) => uniqueOf(base) === unique);
}

async function readMessage(folder: string, item: string, path: string): Promise<Buffer | Error | 'gone'> {
  try {
    return withCrlf(await readFile(path));
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') return fault as Error;
    const file = await foundAgain(folder, item.slice(item.lastIndexOf('/') + 1));
    return file === undefined ? 'gone' : readFile(file.path).then(withCrlf, (error: Error) => error);
  }
}

function flagsOf(letters: string, keywords: FolderKeywords, base: string): FlagSet {
  let system = 0;
  const names: string[] = [...(keywords.byFile.get(base) ?? [])];
  for (const letter of letters) {
    system |= FLAG_LETTERS[letter] ?? 0;
    // RFC 5788 registers what a maildir calls "passed".
    if (letter === 'P') names.push('$Forwarded');
    const keyword = keywords.byLetter.get(letter);
    if (keyword !== undefined) names.push(keyword);
  }
  return { system, keywords: validKeywords(names) };
}

/** Dovecot: `subscriptions` (its second version begins with `V\t2` and puts tabs between levels); Courier: `courierimapsubscribed`. */
async function readSubscriptions(folder: string): Promise<string[]> {
  const dovecot = (await textOf(join(folder, 'subscriptions'))).split('\n').filter((line) => line !== '');
  const tabs = dovecot[0]?.startsWith('V\t2') === true;
  const own = (tabs ? dovecot.slice(1) : dovecot).map((line) => (tabs ? line.replaceAll('\t', '.') : line));
  const courier = (await textOf(join(folder, 'courierimapsubscribed'))).split('\n').filter((line) => line !== '');
  const names = [...own, ...courier.map((line) => line.replace(/^INBOX\.(?=.)/, ''))];
  return [...new Set(names.map((name) => unicodeName(name)))];
}
