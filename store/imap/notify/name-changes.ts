import { ancestors } from '../codec/mailbox-pattern.ts';
import { writeListResponse } from '../list-response.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import type { Session } from '../session.ts';
import type { MadeByClient } from './made-by-client.ts';
import type { NamedMailbox, WantedEvents } from './wanted-events.ts';

/** The mailboxes that a session knows, and the names that its user is subscribed to. */
export interface KnownNames {
  readonly mailboxes: ReadonlyMap<number, ReachedMailbox>;
  readonly subscribed: ReadonlySet<string>;
}

/** RFC 5465 §5.4, §5.5: tells by LIST of mailboxes that came, went or were renamed, and of subscriptions. */
export function tellNames(
  session: Session,
  wanted: WantedEvents,
  made: MadeByClient,
  before: KnownNames,
  now: KnownNames,
): void {
  const lines = new NameLines(session, now);
  const wants = (mailbox: NamedMailbox, event: 'MailboxName' | 'SubscriptionChange'): boolean =>
    wanted.of(mailbox).has(event);
  /** Names whose mailbox came or went: those above them have children now, or have none any more. */
  const affected: NamedMailbox[] = [];
  const oldNames = new Set([...before.mailboxes.values()].map(({ name }) => name));
  for (const mailbox of now.mailboxes.values()) {
    const old = before.mailboxes.get(mailbox.id);
    if (old?.name === mailbox.name) continue;
    if (made.madeName(mailbox.name, 'there')) continue;
    if (old === undefined) affected.push(mailbox);
    else if (movedWithParent(old.name, mailbox.name, before, now)) continue;
    if (wants(mailbox, 'MailboxName')) lines.write(mailbox.name, old?.name);
  }
  for (const [id, gone] of before.mailboxes) {
    if (now.mailboxes.has(id) || lines.isThere(gone.name) || made.madeName(gone.name, 'gone')) continue;
    affected.push(gone);
    if (wants(gone, 'MailboxName')) lines.write(gone.name);
  }
  for (const { name, ownerAddress } of affected) {
    const parent = ancestors(name).at(-1);
    if (parent === undefined || !wants({ name: parent, ownerAddress }, 'MailboxName')) continue;
    // One that came or went itself is told of already.
    if (oldNames.has(parent) === lines.isThere(parent)) lines.write(parent);
  }
  const byName = new Map([...before.mailboxes.values(), ...now.mailboxes.values()].map((each) => [each.name, each]));
  for (const name of new Set([...now.subscribed, ...before.subscribed])) {
    const is = now.subscribed.has(name);
    if (is === before.subscribed.has(name) || made.madeSubscription(name, is)) continue;
    if (wants(byName.get(name) ?? { name, ownerAddress: undefined }, 'SubscriptionChange')) lines.write(name);
  }
}

/** RFC 5465 §3.1: of mailboxes that the user may see and not read nothing can be told; the client learns it at once. */
export function tellNoAccess(session: Session, wanted: WantedEvents, { mailboxes }: KnownNames): void {
  for (const mailbox of mailboxes.values()) {
    if (mailbox.rights.has('r') || wanted.of(mailbox).size === 0) continue;
    writeListResponse(session, ['\\NoAccess'], mailbox.name);
  }
}

/** RFC 5465 §5.4: nothing is told of the children of a mailbox that was renamed, as they went with it. */
function movedWithParent(oldName: string, newName: string, before: KnownNames, now: KnownNames): boolean {
  const oldParent = ancestors(oldName).at(-1);
  const newParent = ancestors(newName).at(-1);
  if (oldParent === undefined || newParent === undefined || oldParent === newParent) return false;
  if (oldName.slice(oldParent.length) !== newName.slice(newParent.length)) return false;
  const parent = [...before.mailboxes.values()].find(({ name }) => name === oldParent);
  return parent !== undefined && now.mailboxes.get(parent.id)?.name === newParent;
}

/** Writes LIST responses of names as they are now; each name once. */
class NameLines {
  readonly #session: Session;
  readonly #now: KnownNames;
  readonly #there: ReadonlyMap<string, ReachedMailbox>;
  readonly #haveChildren: ReadonlySet<string>;
  readonly #told = new Set<string>();

  constructor(session: Session, now: KnownNames) {
    this.#session = session;
    this.#now = now;
    const mailboxes = [...now.mailboxes.values()];
    this.#there = new Map(mailboxes.map((mailbox) => [mailbox.name, mailbox]));
    this.#haveChildren = new Set(mailboxes.flatMap(({ name }) => ancestors(name)));
  }

  isThere(name: string): boolean {
    return this.#there.has(name);
  }

  write(name: string, oldName?: string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    writeListResponse(this.#session, this.#attributes(name), name, oldName);
  }

  /** RFC 5465 §5.4, §5.5: all of them, as LIST would tell them. */
  #attributes(name: string): string[] {
    const mailbox = this.#there.get(name);
    const attributes: string[] = [];
    const hasChildren = this.#haveChildren.has(name);
    if (mailbox === undefined) attributes.push('\\NonExistent');
    else if (!mailbox.rights.has('r')) attributes.push('\\Noselect');
    if (this.#session.offers('CHILDREN') && (mailbox !== undefined || hasChildren)) {
      attributes.push(hasChildren ? '\\HasChildren' : '\\HasNoChildren');
    }
    if (this.#now.subscribed.has(name)) attributes.push('\\Subscribed');
    if (mailbox?.specialUse !== undefined && this.#session.offers('SPECIAL-USE')) attributes.push(mailbox.specialUse);
    return attributes;
  }
}
