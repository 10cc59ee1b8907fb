import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { messagesOf } from './mbox-file.ts';
import { takeState } from './mbox-state.ts';
import { type MailSource, SourceFault, type SourceMailbox, type SourceMessage, withCrlf } from './source.ts';

/** A file of messages one after the other (RFC 4155, as `mboxrd`), or a folder of such files. `mailbox` names a single file's. */
export async function openMbox(path: string, mailbox: string): Promise<MailSource> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new SourceFault(`${path} is not there`);
  const mailboxes: SourceMailbox[] = found.isDirectory()
    ? (await filesBelow(path)).map((file) => mailboxOf(file, nameOf(relative(path, file))))
    : [mailboxOf(path, mailbox)];
  return {
    name: `mbox:${path}`,
    mailboxes: async () => mailboxes,
    subscriptions: async () => [],
    scripts: async () => [],
    close: async () => {},
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

function nameOf(path: string): string {
  const name = path.replace(/\.(mbox|mbx)$/i, '');
  return /^inbox$/i.test(name) ? 'INBOX' : name;
}

function mailboxOf(path: string, name: string): SourceMailbox {
  const bodies = new WeakMap<SourceMessage, Buffer>();
  return {
    name,
    specialUse: undefined,
    messages: undefined,
    state: undefined,
    read: () => readMbox(path, name, bodies),
    bodies: async (messages) => messages.map((message) => bodies.get(message) ?? 'gone'),
  };
}

async function* readMbox(
  path: string,
  name: string,
  bodies: WeakMap<SourceMessage, Buffer>,
): AsyncIterable<SourceMessage> {
  const seen = new Map<string, number>();
  for await (const { separator, lines } of messagesOf(path)) {
    const { text, flags, expunged } = takeState(lines);
    if (expunged) continue;
    const bytes = withCrlf(Buffer.from(text, 'latin1'));
    const hash = createHash('sha256').update(bytes).digest('hex');
    // The same message twice in a file is two messages.
    const nth = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, nth);
    const internalDate = dateOf(separator) ?? dateField(lines) ?? new Date(0);
    const message = { item: `${name}/${hash}/${nth}`, flags, internalDate, sizeBytes: bytes.length };
    bodies.set(message, bytes);
    yield message;
  }
}

/** `From ann@a.example Mon Feb  2 10:11:12 2026`, in UTC (RFC 4155 appendix A). */
function dateOf(separator: string): Date | undefined {
  const text = /^From \S+\s+(.*)$/.exec(separator)?.[1] ?? '';
  return validDate(/[+-]\d{4}|GMT|UTC/.test(text) ? text : `${text} UTC`);
}

function dateField(lines: readonly string[]): Date | undefined {
  for (const line of lines) {
    if (line.trim() === '') return undefined;
    if (/^date:/i.test(line)) return validDate(line.slice(5));
  }
  return undefined;
}

function validDate(text: string): Date | undefined {
  const date = new Date(text.trim());
  return Number.isNaN(date.getTime()) ? undefined : date;
}
