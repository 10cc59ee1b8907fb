import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One case of the corpus. A file of cases reads like this; `---` begins a section, `===` a case, named after what it shows:
 *
 * ```
 * --- message letter          (of the whole file, before the first case; the first one is taken where a case names none)
 * From: ann@a.example
 *
 * Text.
 *
 * === RFC 5228 §5.7: header is compared regardless of case
 * --- script
 * if header :is "subject" "HELLO" { discard; }
 * --- given                   (optional: message, from, to, now, zone, mailboxes, spam, virus, seen, enabled)
 * now: 2026-02-02T10:00:00Z
 * --- personal other          (optional: scripts to include; also `global`)
 * --- expect                  (actions, one a line; or `error LINE: text`, `fails LINE: text`)
 * discard
 * ```
 */
export interface SieveCase {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly script: string;
  readonly message: string;
  readonly given: ReadonlyMap<string, string>;
  readonly personal: ReadonlyMap<string, string>;
  readonly global: ReadonlyMap<string, string>;
  readonly expect: readonly string[];
}

const FOLDER = join(import.meta.dirname, 'cases');

/** All cases of the corpus. Throws at a file that is malformed. */
export function readCases(): SieveCase[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sieve-case'))
    .sort()
    .flatMap((name) => casesOf(name, readFileSync(join(FOLDER, name), 'utf8')));
}

interface Section {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
}

function casesOf(file: string, text: string): SieveCase[] {
  const [prelude = '', ...rest] = text.split(/^(?==== )/m);
  const messages = new Map(
    sectionsOf(prelude)
      .filter(({ kind }) => kind === 'message')
      .map(({ name, text: message }) => [name, message]),
  );
  let line = prelude.split('\n').length;
  return rest.map((block) => {
    const at = line;
    line += block.split('\n').length - 1;
    const title = /^=== (.*)$/m.exec(block)?.[1] ?? '';
    const sections = sectionsOf(block);
    const only = (kind: string): string | undefined => sections.find((section) => section.kind === kind)?.text;
    const given = new Map(
      (only('given') ?? '')
        .split('\n')
        .filter((each) => each !== '')
        .map((each) => [each.slice(0, each.indexOf(':')), each.slice(each.indexOf(':') + 1).trim()] as const),
    );
    const script = only('script');
    const expect = only('expect');
    const message = only('message') ?? messages.get(given.get('message') ?? [...messages.keys()][0] ?? '');
    if (
      script === undefined ||
      expect === undefined ||
      message === undefined ||
      !/^RFC \d+ §|^draft|^habit/.test(title)
    ) {
      throw new Error(`${file}:${at}: a case wants a title that names its RFC, a script, a message and what to expect`);
    }
    const named = (kind: string): Map<string, string> =>
      new Map(sections.filter((section) => section.kind === kind).map((section) => [section.name, section.text]));
    const lines = expect.split('\n').filter((each) => each !== '');
    return {
      file,
      line: at,
      title,
      script,
      message,
      given,
      personal: named('personal'),
      global: named('global'),
      expect: lines,
    };
  });
}

function sectionsOf(text: string): Section[] {
  return text
    .split(/^(?=--- )/m)
    .filter((section) => section.startsWith('--- '))
    .map((section) => {
      const end = section.indexOf('\n');
      const [, kind = '', name = ''] = /^--- (\S+) ?(.*)$/.exec(section.slice(0, end)) ?? [];
      return { kind, name, text: section.slice(end + 1).replace(/\n+$/, '\n') };
    });
}
