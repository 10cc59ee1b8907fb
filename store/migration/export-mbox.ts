import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeDurably } from '../backup/durable-file.ts';
import { ANSWERED, DELETED, DRAFT, FLAGGED, SEEN } from '../mailstore/flags.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { ExportReport } from './export-maildir.ts';
import { type ExportedMessage, exportedMessages, withLf } from './exported-message.ts';

/** Writes a file for each mailbox, `Work/2026.mbox`, whole or not at all, in the form `mboxrd` (RFC 4155). */
export async function exportMbox(
  mailstore: Mailstore,
  accountId: number,
  path: string,
  onExported: (mailbox: string, messages: number) => void = () => {},
): Promise<ExportReport> {
  const mailboxes = await mailstore.mailboxes.list(accountId);
  const report: ExportReport = { mailboxes: mailboxes.length, messages: 0, before: 0, failures: [] };
  for (const { id, name } of mailboxes) {
    if (name.split('/').some((level) => level.startsWith('.') || level.includes('\0'))) {
      report.failures.push(`${name}: no name for a file`);
      continue;
    }
    try {
      report.messages += await exportMailbox(mailstore, id, join(path, `${name}.mbox`), (n) => onExported(name, n));
    } catch (fault) {
      // Too long a name, or one of another mailbox's folder: a full disk concerns all the others too.
      const { code = '' } = fault as NodeJS.ErrnoException;
      if (!['ENAMETOOLONG', 'EEXIST', 'ENOTDIR', 'EISDIR'].includes(code)) throw fault;
      report.failures.push(`${name}: no name for a file (${code})`);
    }
  }
  return report;
}

async function exportMailbox(
  mailstore: Mailstore,
  mailboxId: number,
  file: string,
  onMessage: (messages: number) => void,
): Promise<number> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  let count = 0;
  await writeDurably(file, async (handle) => {
    for await (const message of exportedMessages(mailstore, mailboxId)) {
      await handle.writeFile(await mboxForm(message));
      count += 1;
      onMessage(count);
    }
  });
  return count;
}

async function mboxForm({ flags, internalDate, bytes }: ExportedMessage): Promise<Buffer> {
  const { system, keywords } = flags;
  const letter = (bit: number, name: string): string => ((system & bit) !== 0 ? name : '');
  const state = [
    `Status: ${letter(SEEN, 'R')}O\n`,
    `X-Status: ${letter(ANSWERED, 'A')}${letter(FLAGGED, 'F')}${letter(DRAFT, 'T')}${letter(DELETED, 'D')}\n`,
    ...(keywords.length > 0 ? [`X-Keywords: ${keywords.join(' ')}\n`] : []),
  ];
  const text = withLf(await bytes())
    .toString('latin1')
    .replaceAll(/^(>*From )/gm, '>$1');
  const separator = `From MAILER-DAEMON ${asctime(internalDate)}\n`;
  return Buffer.from(`${separator}${state.join('')}${text}${text.endsWith('\n') ? '' : '\n'}\n`, 'latin1');
}

/** `Mon Feb  2 10:11:12 2026`, UTC. */
function asctime(date: Date): string {
  const [day = '', number = '', month = '', year = '', time = ''] = date.toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${String(Number(number)).padStart(2)} ${time} ${year}`;
}
