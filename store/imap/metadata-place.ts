import { SETTING_ENTRIES } from '@postern/shared/settings/entries.ts';
import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { SettingPlace } from '../settings/setting.ts';
import { findMailbox } from './mailbox-argument.ts';
import type { ReachedMailbox } from './namespaces.ts';
import type { Session } from './session.ts';
import { credentialDesk } from './sign-in.ts';

/** Where entries are read and written. */
export interface ReachedPlace extends SettingPlace {
  /** Undefined: the account itself. */
  readonly mailbox: ReachedMailbox | undefined;
}

/** The place that a command names; the empty name is the account itself (RFC 5464 §4.2.1). Undefined: no such mailbox. */
export async function placeNamed(session: Session, octets: string): Promise<ReachedPlace | undefined> {
  if (octets === '') return accountPlace(session);
  const mailbox = await findMailbox(session, octets);
  return mailbox && { ...accountPlace(session), mailbox };
}

/** The account of who has signed in. */
export function accountPlace(session: Session): ReachedPlace {
  const { account } = session.signedIn;
  return {
    mailstore: session.mailstore,
    account,
    accountId: account.id,
    mailbox: undefined,
    certificateName: session.trustedPeer,
    credentials: credentialDesk(session),
    outbox: session.services.outbox,
    language: session.services.language,
  };
}

/** What is shared is kept with the owner, what is private with the user (RFC 5464 §3). */
export function placeOfEntry(place: ReachedPlace, name: string): SettingPlace {
  const shared = place.mailbox !== undefined && name.startsWith('/shared/');
  return shared ? { ...place, accountId: place.mailbox.accountId } : place;
}

/** The entries that there are in a place, as far as the session may know of them. */
export function entriesOf(session: Session, of: 'server' | 'mailbox'): SettingEntry[] {
  const { scope } = session.signedIn;
  return SETTING_ENTRIES.filter((entry) => isOf(entry, of) && mayKnow(scope, entry));
}

const isOf = (entry: SettingEntry, of: 'server' | 'mailbox'): boolean => entry.of === 'both' || entry.of === of;

/** A token that watches hears of what it may read alone. */
const mayKnow = (scope: SettingEntry['scope'], entry: SettingEntry): boolean =>
  scope === 'all' || entry.scope === 'watch';
