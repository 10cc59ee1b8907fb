import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ANSWERED, FLAGGED, SEEN } from '../mailstore/flags.ts';
import { openMbox } from './mbox.ts';
import type { SourceMessage } from './source.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-mbox-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function read(text: string): Promise<(SourceMessage & { text: string })[]> {
  const path = join(folder, 'mail');
  writeFileSync(path, text);
  const [mailbox] = await (await openMbox(path, 'INBOX')).mailboxes();
  const found = [];
  for await (const message of mailbox?.read() ?? []) {
    const [body] = (await mailbox?.bodies([message])) ?? [];
    found.push({ ...message, text: String(body) });
  }
  return found;
}

it('takes state out of the header, quotes off "From", and knows a sentence from a separator', async () => {
  const found = await read(
    'From ann@a.example Mon Feb  2 10:11:12 2026\nStatus: RO\nX-Status: AF\nX-Keywords: own (no\nSubject: a\n\n>From x\n\nFrom here on all is well.\n\n' +
      'From MAILER-DAEMON Tue Feb  3 00:00:00 2026\nSubject: b\n',
  );
  expect(found).toMatchObject([
    {
      text: 'Subject: a\r\n\r\nFrom x\r\n\r\nFrom here on all is well.\r\n',
      flags: { system: SEEN | ANSWERED | FLAGGED, keywords: ['own'] },
      internalDate: new Date('2026-02-02T10:11:12Z'),
    },
    { text: 'Subject: b\r\n' },
  ]);
});

it('reads what Thunderbird keeps, without what it has expunged', async () => {
  const found = await read(
    'From - Mon Feb  2 10:11:12 2026\nX-Mozilla-Status: 0009\nSubject: gone\n\n\n' +
      'From - Mon Feb  2 10:11:12 2026\nX-Mozilla-Status: 1001\nX-Mozilla-Keys: $label1    \nSubject: kept\n\n\n',
  );
  expect(found).toMatchObject([{ flags: { system: SEEN, keywords: ['$Forwarded', '$label1'] } }]);
});

it('the same message twice is two messages; a file of something else is refused', async () => {
  const one = 'From a@a.example Mon Feb  2 10:11:12 2026\nSubject: a\n\nx\n\n';
  const [first, second] = await read(one + one);
  expect(first?.item).not.toBe(second?.item);
  await expect(read('something else\n')).rejects.toThrow('is no mbox');
});
