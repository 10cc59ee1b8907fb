import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SEEN } from '../mailstore/flags.ts';
import { openMaildir } from './maildir.ts';
import type { SourceMailbox } from './source.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-maildir-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
}

async function bodiesOf(mailbox: SourceMailbox | undefined): Promise<string[]> {
  const texts: string[] = [];
  if (mailbox === undefined) return texts;
  for await (const message of mailbox.read()) {
    const [body] = await mailbox.bodies([message]);
    texts.push(Buffer.isBuffer(body) ? body.toString() : String(body));
  }
  return texts;
}

it('reads what Courier writes: the order of UIDs, keywords, subscriptions', async () => {
  put('cur/2.M1.host,S=3:2,S', 'b\n');
  put('cur/1.M1.host,S=3:2,', 'a\r\nx\n');
  put('new/3.M1.host', 'c\n');
  put('.Sent.2026/cur/4.M1.host:2,RP', 'd\n');
  put('courierimapuiddb', '1 1000 4\n1 2.M1.host,S=3\n2 1.M1.host,S=3\n3 3.M1.host\n');
  put('courierimapkeywords/:list', '$Label1\nown\n\n2.M1.host:0 1\n');
  put('courierimapsubscribed', 'INBOX\nINBOX.Sent.2026\n');
  utimesSync(join(folder, 'cur/2.M1.host,S=3:2,S'), 1_700_000_000, 1_700_000_000);
  const source = await openMaildir(folder);
  const [inbox, sent] = await source.mailboxes();
  expect([inbox?.name, sent?.name]).toEqual(['INBOX', 'Sent/2026']);
  expect(await bodiesOf(inbox)).toEqual(['b\r\n', 'a\r\nx\r\n', 'c\r\n']);
  const messages = [];
  for await (const message of inbox?.read() ?? []) messages.push(message);
  expect(messages[0]).toMatchObject({
    flags: { system: SEEN, keywords: ['$Label1', 'own'] },
    internalDate: new Date(1_700_000_000_000),
  });
  for await (const { flags } of sent?.read() ?? []) expect(flags.keywords).toEqual(['$Forwarded']);
  expect(await source.subscriptions()).toEqual(['INBOX', 'Sent/2026']);
});

it('finds a message whose flags change between the list and the reading; one that goes away is gone', async () => {
  put('cur/1.host:2,', 'a\n');
  put('cur/2.host:2,', 'b\n');
  const [inbox] = await (await openMaildir(folder)).mailboxes();
  const messages = [];
  for await (const message of inbox?.read() ?? []) messages.push(message);
  rmSync(join(folder, 'cur/1.host:2,'));
  rmSync(join(folder, 'cur/2.host:2,'));
  put('cur/1.host:2,FS', 'a\n');
  expect((await inbox?.bodies(messages))?.map(String)).toEqual(['a\r\n', 'gone']);
});
