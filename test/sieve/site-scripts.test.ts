import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SieveStore, startSieveStore } from './sieve-store.ts';

let folder: string;
let store: SieveStore;
const ALICE = 'user1@domain1.example';
const DAVE = 'user4@domain2.example';

const file = (name: string): string => join(folder, name);
const write = (name: string, text: string): void => writeFileSync(file(name), text);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-sieve-'));
  write('virus.sieve', 'require ["reject"]; if header :contains "subject" "virus" { reject "We take no viruses"; }');
  write('tag.sieve', 'require ["editheader", "imap4flags"]; addheader "X-Site" "grüße"; addflag "$Site";');
  write('domain1.sieve', 'require ["fileinto", "copy", "mailbox"]; fileinto :copy :create "Journal";');
  write('last.sieve', 'require ["fileinto"]; if header :contains "subject" "junk" { fileinto "Junk"; }');
  write('tests.sieve', 'require ["fileinto"]; if header :contains "subject" "list" { fileinto "Archive"; }');
  store = await startSieveStore({
    before: [file('virus.sieve'), file('tag.sieve')],
    after: [file('last.sieve')],
    domains: { 'domain1.example': { before: [file('domain1.sieve')] } },
    library: { tests: file('tests.sieve') },
  });
});
afterAll(async () => {
  await store?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('scripts of the site', () => {
  it('run before and after the user’s own, for all and for a domain; changes of the header are seen by readers', async () => {
    expect(await store.deliver({ to: ALICE, subject: 'a virus' })).toBe('550 5.7.1 We take no viruses');
    await store.deliver({ to: ALICE, subject: 'junk for Alice' });
    await store.deliver({ to: DAVE, subject: 'plain for Dave' });
    expect((await store.mailbox(ALICE, 'Journal')).map((each) => each.subject)).toEqual(['junk for Alice']);
    expect((await store.mailbox(ALICE, 'Junk')).map((each) => each.subject)).toEqual(['junk for Alice']);
    const [dave] = await store.mailbox(DAVE, 'INBOX');
    expect(dave).toMatchObject({ subject: 'plain for Dave', flags: ['$Site'] });
    expect(dave?.source).toMatch(
      /^X-Site: =\?utf-8\?B\?Z3LDvMOfZQ==\?=\r\nReturn-Path: <ann@a\.example>\r\nReceived: /,
    );
  });

  it('leave the last word to a user’s script that does not keep', async () => {
    await store.useScript(DAVE, 'require ["include", "fileinto"]; include :global "tests"; stop;');
    await store.deliver({ to: DAVE, subject: 'junk on a list' });
    expect((await store.mailbox(DAVE, 'Archive')).map((each) => each.subject)).toEqual(['junk on a list']);
    expect(await store.mailbox(DAVE, 'Junk')).toEqual([]);
  });

  it('are read anew at SIGHUP; one that is wrong is named, and those before go on', async () => {
    write('virus.sieve', 'require "reject";\nreject;');
    process.kill(store.process.pid, 'SIGHUP');
    const wrong = await store.process.logged({ event: 'sieve-scripts-not-reloaded' });
    expect(JSON.stringify(wrong)).toContain('virus.sieve:2:1: \\"reject\\" lacks a string');
    expect(await store.deliver({ to: ALICE, subject: 'virus again' })).toMatch(/^550/);
    write('virus.sieve', 'keep;');
    process.kill(store.process.pid, 'SIGHUP');
    await store.process.logged({ event: 'sieve-scripts-reloaded' });
    expect(await store.deliver({ to: ALICE, subject: 'virus at last' })).toMatch(/^250/);
  });

  it('are part of what --check-config checks', () => {
    write('last.sieve', 'fileinto "x";');
    const { configFile } = store.process;
    expect(readFileSync(configFile, 'utf8')).toContain('last.sieve');
    const main = resolve(import.meta.dirname, '../../store/main.ts');
    const { status, stderr } = spawnSync(process.execPath, [main, '--config', configFile, '--check-config'], {
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('last.sieve:1:1: "fileinto" asks for require "fileinto"');
  });
});
