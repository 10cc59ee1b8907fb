import { findEntry } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import { specialUse } from '@postern/shared/settings/special-use.ts';
import { NO_RIGHTS } from '../mailstore/access-rights.ts';
import { handlerOf } from '../settings/handlers.ts';
import { type KeptChange, kept, refusedAsTooMany, writeKept } from '../settings/kept.ts';
import type { SettingHandler, SettingOutcome } from '../settings/setting.ts';
import { type Completion, no } from './completion.ts';
import { placeOfEntry, type ReachedPlace } from './metadata-place.ts';
import type { ReachedMailbox } from './namespaces.ts';
import { refusal } from './rights.ts';
import type { Session } from './session.ts';

/** What SETMETADATA asks for of one entry. */
export interface EntryChange {
  /** In lower case. */
  readonly name: string;
  /** Undefined removes. */
  readonly value: Buffer | undefined;
}

/** An entry that does something when it is written. */
interface ActingChange extends KeptChange {
  readonly entry: SettingEntry;
  readonly handler: SettingHandler;
}

/**
 * Writes entries, all or none (RFC 5464 §4.3): each is judged before the first is written. What may fail only when it is tried
 * comes before what is kept as it is, and stands alone where it could not be undone.
 */
export async function writeEntries(
  session: Session,
  place: ReachedPlace,
  changes: readonly EntryChange[],
): Promise<Completion | undefined> {
  const acting: ActingChange[] = [];
  const keeping: KeptChange[] = [];
  for (const { name, value } of changes) {
    const entry = findEntry(name, place.mailbox === undefined ? 'server' : 'mailbox');
    const refused = (place.mailbox && refusedEntry(place.mailbox, name, entry)) ?? judge(session, entry, value);
    if (refused !== undefined) return refused;
    if (entry === undefined) continue;
    const change = { place: placeOfEntry(place, name), name, value };
    const handler = handlerOf(entry);
    if (handler === kept) keeping.push(change);
    else acting.push({ ...change, entry, handler });
  }
  if (acting.length > 1 && acting.some(({ handler }) => handler.together === undefined)) {
    return no('CANNOT', 'One of these entries wants a command of its own');
  }
  const refused = completionOf(await refusedAsTooMany(keeping));
  if (refused !== undefined) return refused;
  const failed = await actInTurn(acting);
  if (failed === undefined) await writeKept(keeping);
  return failed;
}

async function actInTurn(given: readonly ActingChange[]): Promise<Completion | undefined> {
  // What is removed goes last: a token does not come back.
  const all = given.toSorted((a, b) => Number(a.value === undefined) - Number(b.value === undefined));
  const before: ActingChange[] = [];
  for (const change of all) {
    const { handler, entry, place, name, value } = change;
    if (all.length > 1 && handler.together === 'put-back') {
      const old = (await handler.read(place, entry)).find((each) => each.name === name)?.value;
      before.unshift({ ...change, value: old });
    }
    const failed = completionOf(await handler.write(place, name, value));
    if (failed === undefined) continue;
    for (const old of before.slice(1)) await old.handler.write(old.place, old.name, old.value);
    return failed;
  }
  return undefined;
}

const completionOf = (outcome: SettingOutcome | undefined): Completion | undefined =>
  outcome === undefined || outcome === 'done' ? undefined : no(outcome.code, outcome.why);

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

/** RFC 5464 §3.3: l, with w for what all see and r for what the user alone sees; the use of a mailbox is its owner's. */
function refusedEntry(mailbox: ReachedMailbox, name: string, entry: SettingEntry | undefined): Completion | undefined {
  if (entry === specialUse && mailbox.ownerAddress !== undefined) return refusal({ rights: NO_RIGHTS }, 'w');
  return refusal(mailbox, name.startsWith('/shared/') ? 'lw' : 'lr');
}
