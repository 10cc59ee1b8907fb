import { SEPARATOR } from '../codec/mailbox-pattern.ts';
import type { EventGroup, MailboxFilter } from '../codec/notify-arguments.ts';
import type { KnownEvent } from '../codec/notify-events.ts';
import { decodeName } from '../mailbox-argument.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import type { Session } from '../session.ts';

/** What a filter looks at. */
export type NamedMailbox = Pick<ReachedMailbox, 'name' | 'ownerAddress'> & Partial<Pick<ReachedMailbox, 'specialUse'>>;

type Events = ReadonlySet<string>;
const NOTHING: Events = new Set();

/** Which events a session asked for, of which mailboxes (RFC 5465 §6). */
export class WantedEvents {
  readonly #groups: readonly { readonly events: Events; readonly holds: (mailbox: NamedMailbox) => boolean }[];
  /** The group of the selected mailbox. */
  readonly selected: EventGroup | undefined;
  /** The names that the user is subscribed to, for the filter of that name. */
  subscribed: Events = NOTHING;

  constructor(session: Session, groups: readonly EventGroup[]) {
    this.selected = groups.find(({ filter }) => filter.kind.startsWith('selected'));
    this.#groups = groups
      .filter((group) => group !== this.selected)
      .map(({ filter, events }) => ({ events, holds: this.#test(session, filter) }));
  }

  /** Several groups may name a mailbox: what any of them asks for is told (RFC 5465 §6). */
  of(mailbox: NamedMailbox): Events {
    const named = this.#groups.filter(({ holds }) => holds(mailbox)).map(({ events }) => events);
    return named.length > 1 ? new Set(named.flatMap((events) => [...events])) : (named[0] ?? NOTHING);
  }

  /** Whether an event is asked for of any mailbox; ServerMetadataChange is of none (RFC 5465 §5.7). */
  has(event: KnownEvent): boolean {
    return this.#groups.some(({ events }) => events.has(event));
  }

  #test(session: Session, filter: MailboxFilter): (mailbox: NamedMailbox) => boolean {
    switch (filter.kind) {
      case 'selected':
      case 'selected-delayed':
        return () => false;
      case 'personal':
        // All mail would be told twice to clients that know nothing of it: it wants to be named, or subscribed to.
        return ({ ownerAddress, specialUse }) => ownerAddress === undefined && specialUse !== '\\All';
      case 'inboxes':
        return ({ name }) => name === 'INBOX';
      case 'subscribed':
        return ({ name }) => this.subscribed.has(name);
      case 'mailboxes': {
        const names = namesOf(session, filter.names);
        return ({ name }) => names.includes(name);
      }
      case 'subtree': {
        const tops = namesOf(session, filter.names);
        return ({ name }) => tops.some((top) => name === top || name.startsWith(top + SEPARATOR));
      }
    }
  }
}

function namesOf(session: Session, octets: readonly string[]): string[] {
  return octets.map((each) => (decodeName(session, each) ?? '').replace(/^inbox(?=\/|$)/i, 'INBOX'));
}
