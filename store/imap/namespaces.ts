import { OWNER_RIGHTS, type Rights } from '../mailstore/access-rights.ts';
import { allMailId } from '../mailstore/all-mail-id.ts';
import type { FoundMailbox, MailboxInfo } from '../mailstore/mailstore.ts';
import { SEPARATOR } from './codec/mailbox-pattern.ts';
import type { Session } from './session.ts';

/** RFC 2342 §5: mailboxes of other users stand below this and the owner's address. */
export const OTHER_USERS = 'Other Users';
/** Mailboxes of the account that keeps the shared ones of the user's domain (`imap.sharedMailboxes`). */
export const SHARED = 'Shared';

/** A mailbox as the user who has signed in meets it: in a namespace, with rights (RFC 4314). */
export interface ReachedMailbox extends MailboxInfo {
  /** The name that the user sees, its namespace included. */
  readonly name: string;
  /** The name in its owner's account. */
  readonly ownName: string;
  /** Address of the owner, when that is somebody else. */
  readonly ownerAddress: string | undefined;
  readonly rights: Rights;
  /** What its row said, when the mailbox was looked up by its name. */
  readonly found?: FoundMailbox;
}

/** Where a name leads: an account and a name in it. */
export interface Place {
  readonly accountId: number;
  readonly ownName: string;
  /** What the user writes before `ownName`: empty in the personal namespace. */
  readonly prefix: string;
  readonly ownerAddress: string | undefined;
}

/** Address of the account that keeps the shared mailboxes which the user can see; undefined when there is none. */
export function sharedOwner(session: Session): string | undefined {
  const { address } = session.signedIn.account;
  const keeper = session.services.config.sharedMailboxes[address.slice(address.lastIndexOf('@') + 1).toLowerCase()];
  return keeper === undefined || keeper.toLowerCase() === address ? undefined : keeper.toLowerCase();
}

/** Whether a name belongs to a namespace of others: the personal one has no such names. */
export function isReserved(session: Session, name: string): boolean {
  if (!session.offers('ACL')) return false;
  return isBelow(name, OTHER_USERS) || (isBelow(name, SHARED) && sharedOwner(session) !== undefined);
}

const isBelow = (name: string, top: string): boolean =>
  name.startsWith(top) && (name.length === top.length || name[top.length] === SEPARATOR);

/** The account and the name in it that a name means; undefined when no account can be meant. */
export async function placeOfName(session: Session, name: string): Promise<Place | undefined> {
  const { account } = session.signedIn;
  if (!isReserved(session, name)) return { accountId: account.id, ownName: name, prefix: '', ownerAddress: undefined };
  const [top, address = '', ...rest] = name.split(SEPARATOR);
  const owner = top === SHARED ? sharedOwner(session) : address.toLowerCase();
  const ownName = (top === SHARED ? [address, ...rest] : rest).join(SEPARATOR);
  if (owner === undefined || ownName === '') return undefined;
  const found = owner === account.address ? account : await session.mailstore.accounts.find(owner);
  if (found === undefined) return undefined;
  const prefix = top === SHARED ? `${SHARED}${SEPARATOR}` : `${OTHER_USERS}${SEPARATOR}${owner}${SEPARATOR}`;
  return { accountId: found.id, ownName, prefix, ownerAddress: found.id === account.id ? undefined : owner };
}

/** Rights in the mailbox of all mail: to look and to flag. What comes or goes does so in other mailboxes. */
const ALL_MAIL_RIGHTS: Rights = new Set('lrsw');

/** The name of the mailbox of all mail (RFC 6154 \All); undefined where it is switched off. */
function allMailName(session: Session): string | undefined {
  const name = session.services.config.allMailbox;
  return name !== '' && session.offers('SPECIAL-USE') ? name : undefined;
}

/** The mailbox of all mail; undefined where there is none, or a mailbox of the tables has its name. */
export async function reachAllMail(session: Session): Promise<ReachedMailbox | undefined> {
  const name = allMailName(session);
  const { mailboxes } = session.mailstore;
  const { id } = session.signedIn.account;
  if (name === undefined || (await mailboxes.find(id, name)) !== undefined) return undefined;
  const mailbox = await mailboxes.allMail(id);
  return mailbox && { ...mailbox, name, ownName: name, ownerAddress: undefined, rights: ALL_MAIL_RIGHTS };
}

/** A mailbox as a list shows it. */
export type ListedMailbox = Omit<ReachedMailbox, 'uidValidity'>;

/** The mailbox of all mail beside the others, which are given; nothing of it is read. */
export function listedAllMail(session: Session, others: readonly ListedMailbox[]): ListedMailbox | undefined {
  const name = allMailName(session);
  if (name === undefined || others.some((mailbox) => mailbox.name === name)) return undefined;
  const { id: accountId } = session.signedIn.account;
  const whose = { accountId, name, ownName: name, ownerAddress: undefined };
  return { ...whose, id: allMailId(accountId), specialUse: '\\All', rights: ALL_MAIL_RIGHTS };
}

/** Whether a name is that of the mailbox of all mail, or lies below it: nobody makes a mailbox there. */
export async function takenByAllMail(session: Session, { ownName, ownerAddress }: Place): Promise<boolean> {
  const name = allMailName(session);
  if (name === undefined || ownerAddress !== undefined) return false;
  if (ownName !== name && !ownName.startsWith(name + SEPARATOR)) return false;
  return (await reachAllMail(session)) !== undefined;
}

/** The mailbox of a name, if there is one and the user has any right in it: the others must not be told apart from none. */
export function reachMailbox(session: Session, name: string): Promise<ReachedMailbox | undefined> {
  return isReserved(session, name) ? reachOthersMailbox(session, name) : reachOwnMailbox(session, name);
}

async function reachOthersMailbox(session: Session, name: string): Promise<ReachedMailbox | undefined> {
  const place = await placeOfName(session, name);
  const mailbox = place && (await session.mailstore.mailboxes.find(place.accountId, place.ownName));
  if (place === undefined || mailbox === undefined) return undefined;
  const rights = await session.mailstore.access.rightsOf(session.signedIn.account.id, mailbox);
  if (![...'lrikxa'].some((right) => rights.has(right))) return undefined;
  return { ...reached(place, mailbox, rights), found: mailbox };
}

/** The same in the personal namespace, where the user has all rights. */
async function reachOwnMailbox(session: Session, name: string): Promise<ReachedMailbox | undefined> {
  const { id } = session.signedIn.account;
  const mailbox = await session.mailstore.mailboxes.find(id, name);
  if (mailbox === undefined) return name === allMailName(session) ? reachAllMail(session) : undefined;
  return { ...mailbox, ownName: mailbox.name, ownerAddress: undefined, rights: OWNER_RIGHTS, found: mailbox };
}

function reached(place: Omit<Place, 'ownName'>, mailbox: MailboxInfo, rights: Rights): ReachedMailbox {
  return {
    id: mailbox.id,
    accountId: mailbox.accountId,
    uidValidity: mailbox.uidValidity,
    // RFC 6154 §2: a use is the owner's; what is \Sent to one is not to another.
    specialUse: place.ownerAddress === undefined ? mailbox.specialUse : undefined,
    name: place.prefix + mailbox.name,
    ownName: mailbox.name,
    ownerAddress: place.ownerAddress,
    rights,
  };
}

/** The user's own mailboxes, all mail aside, and those of others in which the user has the right; others' come last. */
export async function allMailboxes(session: Session, right: string): Promise<ReachedMailbox[]> {
  return (await listing(session, right)).mailboxes;
}

/** The same with the names subscribed to; what the rows of the user's own mailboxes said stands in `found`. */
export async function listing(
  session: Session,
  right: string,
): Promise<{ readonly mailboxes: ReachedMailbox[]; readonly subscriptions: ReadonlySet<string> }> {
  const { account } = session.signedIn;
  const { own, subscriptions, granted } = await session.mailstore.mailboxes.overview(account.id, session.offers('ACL'));
  const personal = { accountId: account.id, prefix: '', ownerAddress: undefined };
  const mailboxes: ReachedMailbox[] = own
    .filter(({ name }) => !isReserved(session, name))
    .map((mailbox) => ({ ...reached(personal, mailbox, OWNER_RIGHTS), found: mailbox }));
  const keeper = sharedOwner(session);
  for (const mailbox of granted) {
    if (!mailbox.rights.has(right)) continue;
    const { ownerAddress, accountId } = mailbox;
    const prefix =
      ownerAddress === keeper ? `${SHARED}${SEPARATOR}` : `${OTHER_USERS}${SEPARATOR}${ownerAddress}${SEPARATOR}`;
    mailboxes.push(reached({ accountId, prefix, ownerAddress }, mailbox, mailbox.rights));
  }
  return { mailboxes, subscriptions: new Set(subscriptions) };
}
