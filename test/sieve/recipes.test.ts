import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checkScript } from '@postern/store/sieve/check.ts';
import { describe, expect, it } from 'vitest';
import { runCase } from './run-case.ts';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../docs/sieve-recipes.md'), 'utf8');
const recipes = new Map(
  PAGE.split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const script = /```sieve\n([\s\S]*?)```/.exec(section)?.[1];
      return script === undefined ? [] : [[section.slice(0, section.indexOf('\n')), script] as const];
    }),
);

/** What a recipe does with a message. */
function run(title: string, message: string, given: Readonly<Record<string, string>> = {}): string[] {
  const script = [...recipes].find(([name]) => name.startsWith(title))?.[1];
  if (script === undefined) throw new Error(`no recipe "${title}"`);
  const none = new Map<string, string>();
  const rest = { file: '', line: 0, title, expect: [], personal: none, global: none };
  return runCase({ ...rest, script, message, given: new Map(Object.entries(given)) });
}

describe('docs/sieve-recipes.md', () => {
  it('has scripts that compile', () => {
    expect(recipes.size).toBeGreaterThan(15);
    for (const [title, script] of recipes)
      expect([title, checkScript(script)]).toEqual([title, { ok: true, warnings: [] }]);
  });

  it.each([
    ['Sort a mailing list', 'List-Id: Dev <dev.lists.example>\n\n', {}, ['fileinto lists/dev']],
    ['Sort all lists', 'List-Id: Dev <DEV.lists.example>\n\n', {}, ['fileinto lists/dev create']],
    ['Spam into Junk', 'X-Spam-Flag: yes\n\n', {}, ['fileinto Junk use=\\Junk']],
    ['Throw away', 'From: x@spammer.example\n\n', {}, ['discard']],
    ['Forward, and keep', 'Subject: Urgent\n\n', {}, ['redirect me@phone.example', 'keep']],
    ['Forward everything', '\n', {}, ['redirect me@elsewhere.example']],
    ['Duplicates', 'Message-ID: <1@a>\n\n', { seen: '+|<1@a>' }, ['discard']],
    ['Plus addresses', '\n', { to: 'bob+Shop@b.example' }, ['fileinto plus/shop create']],
    ['Plus addresses', '\n', { to: 'bob@b.example' }, ['keep']],
    ['All conditions', 'From: boss@b.example\nSubject: Lunch\n\n', {}, ['keep']],
    ['All conditions', 'Subject: the bill\n\n', {}, ['fileinto money create']],
    ['Scores', 'Subject: free money\n\n', {}, ['fileinto Junk']],
    ['Scores', 'Subject: free\n\n', {}, ['keep']],
    ['Search the body', 'Subject: x\n\nCheap pills!\n', {}, ['fileinto Junk']],
    ['Regular expressions', 'Subject: Re: [ticket #42] x\n\n', {}, ['fileinto tickets/42 create']],
    ['Attachments', 'Content-Type: application/x; name="a.EXE"\n\nx\n', {}, ['fileinto quarantine create']],
    ['Mark rather', 'From: boss@b.example\n\n', {}, ['keep flags=(\\Flagged $Important)']],
    ['Refuse', 'From: ex@a.example\n\n', {}, ['ereject "I do not take mail from you"']],
    ['Nested blocks', 'From: a@work.example\nSubject: Report\n\n', {}, ['fileinto work/reports create']],
    [
      'Vacation',
      '\n',
      { now: '2026-07-14T10:00:00Z' },
      [
        'vacation 604800s subject="Away until 15 July" addresses=bob@other.example "I read your message when I am back."',
        'keep',
      ],
    ],
    ['Vacation', '\n', { now: '2026-07-15T10:00:00Z' }, ['keep']],
  ])('%s', (title, message, given, expected) => {
    expect(run(title, message, given)).toEqual(expected);
  });
});
