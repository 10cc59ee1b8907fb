import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a mailbox holds, so that two sides can be compared: hash of each message with its flags, sorted. */
export type MailboxContents = readonly string[];

const FLAG_LETTERS: Readonly<Record<string, string>> = {
  D: '\\Draft',
  F: '\\Flagged',
  R: '\\Answered',
  S: '\\Seen',
  T: '\\Deleted',
};

/**
 * One line for {@link MailboxContents}. Maildirs have LF at line ends; the hash is that of the text with LF, and without
 * the X-TUID field that mbsync puts into each copy it makes, to find it again.
 */
export function contentLine(octets: Buffer, flags: readonly string[]): string {
  const text = octets
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .replace(/^X-TUID: .*\n/m, '');
  const subject = /^Subject: (.*)$/m.exec(text)?.[1] ?? '';
  const known = flags.filter((flag) => Object.values(FLAG_LETTERS).includes(flag)).sort();
  return [subject, createHash('sha256').update(text, 'latin1').digest('hex'), ...known].join(' ');
}

/** Paths of the messages of a Maildir folder. */
export function maildirFiles(folder: string): string[] {
  return ['cur', 'new'].flatMap((part) =>
    existsSync(join(folder, part)) ? readdirSync(join(folder, part)).map((name) => join(folder, part, name)) : [],
  );
}

export function maildirContents(folder: string): MailboxContents {
  return maildirFiles(folder)
    .map((path) => {
      const letters = /:2,([A-Z]*)$/.exec(path)?.[1] ?? '';
      const flags = [...letters].map((letter) => FLAG_LETTERS[letter] ?? letter);
      return contentLine(readFileSync(path), flags);
    })
    .sort();
}

/** Puts a message with flag letters into a Maildir folder, which is made if it is not there. */
export function addToMaildir(folder: string, name: string, octets: Buffer, letters = ''): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(
    join(folder, 'cur', `${name}:2,${letters}`),
    octets.toString('latin1').replaceAll('\r\n', '\n'),
    'latin1',
  );
}
