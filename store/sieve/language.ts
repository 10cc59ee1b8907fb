import { COMPARATOR_CAPABILITIES } from './comparator.ts';
import { baseActions } from './extensions/base-actions.ts';
import { baseTests } from './extensions/base-tests.ts';
import { body } from './extensions/body.ts';
import { copy } from './extensions/copy.ts';
import { date } from './extensions/date.ts';
import { duplicate } from './extensions/duplicate.ts';
import { editheader } from './extensions/editheader.ts';
import { encodedCharacter } from './extensions/encoded-character.ts';
import { enotify } from './extensions/enotify.ts';
import { envelope } from './extensions/envelope.ts';
import { environment } from './extensions/environment.ts';
import { fileinto } from './extensions/fileinto.ts';
import { ihave } from './extensions/ihave.ts';
import { imap4flags } from './extensions/imap4flags.ts';
import { include } from './extensions/include.ts';
import { index } from './extensions/index.ts';
import { mailbox } from './extensions/mailbox.ts';
import { mailboxid } from './extensions/mailboxid.ts';
import { extracttext, foreverypart, mime } from './extensions/mime.ts';
import { regex } from './extensions/regex.ts';
import { ereject, reject } from './extensions/reject.ts';
import { relational } from './extensions/relational.ts';
import { spamtest, spamtestplus, virustest } from './extensions/spamtest.ts';
import { specialUse } from './extensions/special-use.ts';
import { subaddress } from './extensions/subaddress.ts';
import { vacation, vacationSeconds } from './extensions/vacation.ts';
import { variables } from './extensions/variables.ts';
import type { CommandDefinition, Extension, TagDefinition, TestDefinition } from './program.ts';

/** All of the language: the base and its extensions, one a file. */
const EXTENSIONS: readonly Extension[] = [
  baseActions,
  baseTests,
  body,
  copy,
  date,
  duplicate,
  editheader,
  encodedCharacter,
  enotify,
  envelope,
  environment,
  ereject,
  extracttext,
  fileinto,
  foreverypart,
  ihave,
  imap4flags,
  include,
  index,
  mailbox,
  mailboxid,
  mime,
  regex,
  reject,
  relational,
  spamtest,
  spamtestplus,
  specialUse,
  subaddress,
  vacation,
  vacationSeconds,
  variables,
  virustest,
];

/** Extensions that change more than a user may expect; on where the site says so. */
const OFF_BY_DEFAULT: readonly string[] = [editheader.capability];

/** What `require` takes, in alphabetical order. */
export function supportedCapabilities(enabled: readonly string[]): ReadonlySet<string> {
  const own = EXTENSIONS.map(({ capability }) => capability).filter(
    (capability) => capability !== '' && (!OFF_BY_DEFAULT.includes(capability) || enabled.includes(capability)),
  );
  return new Set([...own, ...COMPARATOR_CAPABILITIES].sort());
}

/** Whether one of the capabilities that something needs is there; what needs none always is. */
export function allows(supported: ReadonlySet<string>, needs: readonly string[]): boolean {
  return needs.length === 0 || needs.some((each) => supported.has(each));
}

interface Entry<D> {
  readonly definition: D;
  readonly needs: readonly string[];
}

const needsOf = ({ capability }: Extension): readonly string[] => (capability === '' ? [] : [capability]);

export const COMMANDS: ReadonlyMap<string, Entry<CommandDefinition>> = new Map(
  EXTENSIONS.flatMap((extension) =>
    (extension.commands ?? []).map((definition) => [
      definition.name,
      { definition, needs: definition.needs ?? needsOf(extension) },
    ]),
  ),
);

export const TESTS: ReadonlyMap<string, Entry<TestDefinition>> = new Map(
  EXTENSIONS.flatMap((extension) =>
    (extension.tests ?? []).map((definition) => [
      definition.name,
      { definition, needs: definition.needs ?? needsOf(extension) },
    ]),
  ),
);

/** Tags that extensions add, by the command or test that takes them. */
export const TAGS: ReadonlyMap<string, readonly TagDefinition[]> = addedTags();

function addedTags(): ReadonlyMap<string, readonly TagDefinition[]> {
  const tags = new Map<string, TagDefinition[]>();
  for (const extension of EXTENSIONS) {
    for (const { tag, on } of extension.tags ?? []) {
      for (const name of on) {
        const needs = tag.needs ?? needsOf(extension);
        tags.set(name, [...(tags.get(name) ?? []), { ...tag, needs }]);
      }
    }
  }
  return tags;
}
