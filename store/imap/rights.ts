import type { Rights } from '../mailstore/access-rights.ts';
import { ALL_SYSTEM_FLAGS, DELETED, type FlagSet, SEEN } from '../mailstore/flags.ts';
import type { AppendMessage, AppendResult, FlagActor, QuotaLimits } from '../mailstore/mailstore.ts';
import { ancestors } from './codec/mailbox-pattern.ts';
import { type Completion, no } from './completion.ts';
import type { Place, ReachedMailbox } from './namespaces.ts';
import type { Session } from './session.ts';

/** RFC 5530 NOPERM, when one of the rights is missing; undefined when all are there. */
export function refusal({ rights }: { readonly rights: Rights }, needed: string): Completion | undefined {
  return [...needed].every((right) => rights.has(right)) ? undefined : no('NOPERM', 'You have no right to do that');
}

/** RFC 9051 §6.3.12, §6.4.7: the UIDs of messages that came into a mailbox; undefined for one that the user may not read, of which it would tell. */
export function uidCode(
  { rights }: { readonly rights: Rights },
  name: 'APPENDUID' | 'COPYUID',
  uidValidity: number,
  sets: string,
): string | undefined {
  return rights.has('r') ? `${name} ${uidValidity} ${sets}` : undefined;
}

/** System flags that the rights allow to change (RFC 4314 §4: `t` \Deleted, `s` \Seen, `w` all others). */
export function changeableFlags(rights: Rights): number {
  const others = rights.has('w') ? ALL_SYSTEM_FLAGS & ~(DELETED | SEEN) : 0;
  return others | (rights.has('t') ? DELETED : 0) | (rights.has('s') ? SEEN : 0);
}

/** Who changes flags, when it is not simply the owner in a mailbox of one's own. */
export function flagActor(
  session: Session,
  mailbox: { readonly accountId: number; readonly rights: Rights },
): FlagActor | undefined {
  const accountId = session.signedIn.account.id;
  if (mailbox.accountId === accountId) return undefined;
  return { accountId, system: changeableFlags(mailbox.rights), keywords: mailbox.rights.has('w') };
}

/** Whose \Seen a view of the mailbox shows: the user's own, where the mailbox is another one's. */
export function seenOf(session: Session, mailbox: { readonly accountId: number }): number | undefined {
  const accountId = session.signedIn.account.id;
  return mailbox.accountId === accountId ? undefined : accountId;
}

/** The quota that limits a mailbox is its owner's. `unknown`: the directory cannot say. */
export async function quotaOf(session: Session, mailbox: ReachedMailbox): Promise<QuotaLimits | 'unknown'> {
  if (mailbox.ownerAddress === undefined) return session.signedIn.quota;
  const answer = await session.services.directory.lookUp(mailbox.ownerAddress);
  if (answer.kind === 'unknown') return 'unknown';
  const entry = answer.kind === 'account' ? answer.account : undefined;
  const { defaultBytes, defaultMessages } = session.services.quota;
  return { bytes: entry?.quotaBytes ?? defaultBytes, messages: entry?.quotaMessages ?? defaultMessages };
}

/** What is said where {@link quotaOf} is unknown. */
export const quotaUnknown = (): Completion => no('UNAVAILABLE', 'The quota of the owner is not known at the moment');

/** The flags with which a message comes into a mailbox: those that the user may set there; \Seen of one's own lies elsewhere. */
export function flagsAllowed(flags: FlagSet, actor: FlagActor | undefined): FlagSet {
  if (actor === undefined) return flags;
  return { system: flags.system & actor.system & ~SEEN, keywords: actor.keywords ? flags.keywords : [] };
}

/**
 * Appends as this user: RFC 4314 §4, flags without a right are dropped, and \Seen is the user's own.
 *
 * @param name that the mailbox must have in its account
 */
export async function appendAs(
  session: Session,
  mailbox: ReachedMailbox,
  messages: readonly AppendMessage[],
  quota: QuotaLimits,
  name?: string,
): Promise<AppendResult> {
  const actor = flagActor(session, mailbox);
  const allowed = messages.map((message) => ({ ...message, flags: flagsAllowed(message.flags, actor) }));
  const result = await session.mailstore.messages.append(mailbox.id, allowed, quota, name);
  if (result.kind === 'appended') await markSeen(session, mailbox, messages, result.uids);
  return result;
}

/** Keeps the \Seen of new messages in another one's mailbox. */
export async function markSeen(
  session: Session,
  mailbox: ReachedMailbox,
  messages: readonly Pick<AppendMessage, 'flags'>[],
  newUids: readonly number[],
): Promise<void> {
  const actor = flagActor(session, mailbox);
  if (actor === undefined) return;
  const seen = newUids.filter((_, index) => ((messages[index]?.flags.system ?? 0) & SEEN) !== 0);
  if (seen.length === 0) return;
  const change = { how: 'add', flags: { system: SEEN, keywords: [] } } as const;
  await session.mailstore.messages.storeFlags(mailbox.id, seen, change, actor);
}

/** RFC 4314 §4: CREATE wants `k` on the nearest mailbox above; where there is none, the owner alone creates. */
export async function refusedToCreate(session: Session, place: Place): Promise<Completion | undefined> {
  if (place.ownerAddress === undefined) return undefined;
  const { mailboxes, access } = session.mailstore;
  for (const name of ancestors(place.ownName).reverse()) {
    const above = await mailboxes.find(place.accountId, name);
    if (above === undefined) continue;
    return refusal({ rights: await access.rightsOf(session.signedIn.account.id, above) }, 'k');
  }
  return no('NOPERM', 'You have no right to do that');
}
