import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import { handlerOf } from '../../settings/handlers.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { noSuchMailbox, writeName } from '../mailbox-argument.ts';
import { entriesOf, placeNamed, placeOfEntry } from '../metadata-place.ts';
import { type EntryChange, writeEntries } from '../metadata-writing.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** Most entries that one command may name. */
const MAX_ENTRIES = 50;

interface Reading {
  readonly mailbox: string;
  readonly entries: readonly string[];
  readonly maxSize: number;
  readonly depth: 0 | 1 | typeof Number.POSITIVE_INFINITY;
}

interface Writing {
  readonly mailbox: string;
  readonly changes: readonly EntryChange[];
}

/** RFC 5464 §4.2. */
export const getMetadata: Command<Reading> = {
  name: 'GETMETADATA',
  states: SIGNED_IN,
  expunges: true,
  capability: 'METADATA',
  read(args: ArgumentReader) {
    args.space();
    let maxSize = Number.POSITIVE_INFINITY;
    let depth: Reading['depth'] = 0;
    if (args.peek() === '(') {
      args.list(() => {
        const option = args.keyword();
        args.space();
        if (option === 'MAXSIZE') maxSize = args.number();
        else if (option === 'DEPTH') depth = readDepth(args);
        else args.fail(`unknown option ${option}`);
      }, true);
      args.space();
    }
    const mailbox = args.astring();
    args.space();
    const entries = args.peek() === '(' ? args.list(() => readEntryName(args), true) : [readEntryName(args)];
    if (entries.length > MAX_ENTRIES) args.fail('too many entries');
    return { mailbox, entries, maxSize, depth };
  },
  async act(session, { mailbox: octets, entries, maxSize, depth }) {
    const place = await placeNamed(session, octets);
    if (place === undefined) return noSuchMailbox();
    // RFC 5464 §3.3.
    const refused = place.mailbox && refusal(place.mailbox, 'lr');
    if (refused !== undefined) return refused;
    const found = new Map<string, Buffer>();
    for (const entry of entriesOf(session, place.mailbox === undefined ? 'server' : 'mailbox')) {
      if (!entries.some((name) => mayHold(entry, name, depth))) continue;
      for (const { name, value } of await handlerOf(entry).read(placeOfEntry(place, entry.name), entry)) {
        if (entries.some((asked) => isWithin(name, asked, depth))) found.set(name, value);
      }
    }
    let longest = 0;
    const shown = [...found].filter(([, value]) => {
      if (value.length <= maxSize) return true;
      longest = Math.max(longest, value.length);
      return false;
    });
    if (shown.length > 0) writeValues(session, place.mailbox, shown);
    return ok('GETMETADATA completed', longest > 0 ? `METADATA LONGENTRIES ${longest}` : undefined);
  },
};

/** RFC 5464 §4.3. */
export const setMetadata: Command<Writing> = {
  name: 'SETMETADATA',
  states: SIGNED_IN,
  expunges: true,
  capability: 'METADATA',
  read(args: ArgumentReader) {
    args.space();
    const mailbox = args.astring();
    args.space();
    const changes = args.list(() => {
      const name = readEntryName(args).toLowerCase();
      args.space();
      return { name, value: readValue(args) };
    }, true);
    if (changes.length > MAX_ENTRIES) args.fail('too many entries');
    return { mailbox, changes };
  },
  async act(session, { mailbox: octets, changes }) {
    const place = await placeNamed(session, octets);
    if (place === undefined) return noSuchMailbox();
    const refused = await writeEntries(session, place, changes);
    if (refused !== undefined) return refused;
    session.notifications?.madeByClient.settings(place.mailbox?.id ?? 0, changes);
    return ok('SETMETADATA completed');
  },
};

/** Whether what is asked for may be found under an entry. */
function mayHold(entry: SettingEntry, asked: string, depth: Reading['depth']): boolean {
  const lower = asked.toLowerCase();
  if (entry.name.endsWith('/*') && lower.startsWith(entry.name.slice(0, -1))) return true;
  return isWithin(entry.name, asked, depth);
}

/** RFC 5464 §4.2.2: the entry itself, those directly below it, or all below it. */
function isWithin(name: string, asked: string, depth: Reading['depth']): boolean {
  const lower = asked.toLowerCase();
  if (name === lower) return true;
  if (depth === 0 || !name.startsWith(`${lower}/`)) return false;
  return depth !== 1 || !name.slice(lower.length + 1).includes('/');
}

function writeValues(
  session: Session,
  mailbox: ReachedMailbox | undefined,
  values: readonly (readonly [string, Buffer])[],
): void {
  const { out } = session;
  out.text('* METADATA ');
  if (mailbox === undefined) out.text('""');
  else writeName(session, out, mailbox.name);
  for (const [index, [name, value]] of values.entries()) {
    out
      .text(index === 0 ? ' (' : ' ')
      .text(name)
      .text(' ');
    if (value.includes(0)) out.literal8(value);
    else out.string(value.toString('latin1'));
  }
  out.line(')');
}

function readEntryName(args: ArgumentReader): string {
  const name = args.astring();
  // RFC 5464 §3.1.
  const valid = /^\/(?:private|shared)(?:\/[^/*%\x00-\x1f\x7f-\xff]+)*$/i.test(name);
  return valid ? name : args.fail('bad entry name');
}

function readValue(args: ArgumentReader): Buffer | undefined {
  if (args.atLiteral) return args.literal().bytes;
  const text = args.nstring();
  return text === undefined ? undefined : Buffer.from(text, 'latin1');
}

function readDepth(args: ArgumentReader): Reading['depth'] {
  const text = args.atom().toLowerCase();
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  return text === '0' ? 0 : text === '1' ? 1 : args.fail('bad depth');
}
