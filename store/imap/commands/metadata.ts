import { findEntry, SETTING_ENTRIES } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import { specialUse } from '@postern/shared/settings/special-use.ts';
import { NO_RIGHTS } from '../../mailstore/access-rights.ts';
import type { MailboxInfo } from '../../mailstore/mailstore.ts';
import { handlerOf } from '../../settings/handlers.ts';
import { kept, writeKept } from '../../settings/kept.ts';
import type { SettingPlace } from '../../settings/setting.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { type Completion, no, ok } from '../completion.ts';
import { findMailbox, noSuchMailbox, writeName } from '../mailbox-argument.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { credentialDesk } from '../sign-in.ts';
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
  readonly changes: readonly { readonly name: string; readonly value: Buffer | undefined }[];
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
    const place = await placeOf(session, octets);
    if (place === undefined) return noSuchMailbox();
    const refused = place.mailbox && refusal(place.mailbox, 'r');
    if (refused !== undefined) return refused;
    const found = new Map<string, Buffer>();
    for (const entry of SETTING_ENTRIES.filter((each) => matchesPlace(each, place.mailbox))) {
      if (session.signedIn.scope === 'watch' && entry.scope !== 'watch') continue;
      if (!entries.some((name) => mayHold(entry, name, depth))) continue;
      for (const { name, value } of await handlerOf(entry).read(placeFor(place, entry.name), entry)) {
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

/** RFC 5464 §4.3: all entries are judged before the first is written. */
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
    const place = await placeOf(session, octets);
    if (place === undefined) return noSuchMailbox();
    for (const { name, value } of changes) {
      const entry = findEntry(name, place.mailbox === undefined ? 'server' : 'mailbox');
      const refused = (place.mailbox && refusedEntry(place.mailbox, name, entry)) ?? judge(session, entry, value);
      if (refused !== undefined) return refused;
    }
    return (await write(place, changes)) ?? ok('SETMETADATA completed');
  },
};

/** Entries that do something are written one by one, in their order; then all that are kept as they are, together or none. */
async function write(place: ReachedPlace, changes: Writing['changes']): Promise<Completion | undefined> {
  const asTheyAre = new Map<number, { readonly at: SettingPlace; readonly changes: Writing['changes'][number][] }>();
  for (const change of changes) {
    const entry = findEntry(change.name, place.mailbox === undefined ? 'server' : 'mailbox');
    const at = placeFor(place, change.name);
    if (entry === undefined) continue;
    const handler = handlerOf(entry);
    if (handler === kept) {
      const together = asTheyAre.get(at.accountId) ?? { at, changes: [] };
      together.changes.push(change);
      asTheyAre.set(at.accountId, together);
      continue;
    }
    const outcome = await handler.write(at, change.name, change.value);
    if (outcome !== 'done') return no(outcome.code, outcome.why);
  }
  for (const together of asTheyAre.values()) {
    const outcome = await writeKept(together.at, together.changes);
    if (outcome !== 'done') return no(outcome.code, outcome.why);
  }
  return undefined;
}

function judge(session: Session, entry: SettingEntry | undefined, value: Buffer | undefined): Completion | undefined {
  if (entry === undefined || !entry.writable) return no('CANNOT', 'No such entry, or none that can be set');
  const { scope, passwordAtMs } = session.signedIn;
  if (scope !== 'all') return no('NOPERM', 'Not by this token');
  const age = passwordAtMs === undefined ? Number.POSITIVE_INFINITY : Date.now() - passwordAtMs;
  if (entry.freshSignInMs !== undefined && value !== undefined && age > entry.freshSignInMs) {
    return no('NOPERM', 'Sign in again with the password first');
  }
  if (value === undefined) return undefined;
  if (value.length > entry.maxBytes) return no(`METADATA MAXSIZE ${entry.maxBytes}`, 'Value too long');
  const why = entry.check(value);
  return why === undefined ? undefined : no('CANNOT', `Not a value of this entry: ${why}`);
}

/** What is shared is kept with the owner, what is private with the user (RFC 5464 §3). */
function placeFor(place: ReachedPlace, name: string): SettingPlace {
  const shared = place.mailbox !== undefined && name.startsWith('/shared/');
  return shared ? { ...place, accountId: place.mailbox.accountId } : place;
}

/** RFC 5464 §4.3: w for what all see, r for what the user alone sees; the use of a mailbox is its owner's. */
function refusedEntry(mailbox: ReachedMailbox, name: string, entry: SettingEntry | undefined): Completion | undefined {
  if (entry === specialUse && mailbox.ownerAddress !== undefined) return refusal({ rights: NO_RIGHTS }, 'w');
  return refusal(mailbox, name.startsWith('/shared/') ? 'w' : 'r');
}

/** The empty name is the account itself (RFC 5464 §4.2.1). */
interface ReachedPlace extends SettingPlace {
  readonly mailbox: ReachedMailbox | undefined;
}

async function placeOf(session: Session, octets: string): Promise<ReachedPlace | undefined> {
  const { mailstore } = session;
  const certificateName = session.trustedPeer;
  const { account } = session.signedIn;
  const { outbox, language } = session.services;
  const credentials = credentialDesk(session);
  const place = { mailstore, account, accountId: account.id, certificateName, credentials, outbox, language };
  if (octets === '') return { ...place, mailbox: undefined };
  const mailbox = await findMailbox(session, octets);
  return mailbox && { ...place, mailbox };
}

const matchesPlace = (entry: SettingEntry, mailbox: MailboxInfo | undefined): boolean =>
  entry.of === 'both' || entry.of === (mailbox === undefined ? 'server' : 'mailbox');

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
  mailbox: MailboxInfo | undefined,
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
