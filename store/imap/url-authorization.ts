import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { MailboxInfo } from '../mailstore/mailstore.ts';
import { type AuthorizedUrl, parseAuthorizedUrl } from './codec/authorized-url.ts';
import type { Session } from './session.ts';
import { octetsNamed } from './url-content.ts';

/** RFC 4467 §5: the one mechanism. */
export const INTERNAL = 'INTERNAL';
/** Entry of the mailbox's settings in which its access key lies; no METADATA entry has such a name. */
const KEY_ENTRY = 'url-access-key';
const KEY_BYTES = 32;
/** First octet of a token: how it was made. */
const HMAC_SHA256 = '01';

/** The access key of a mailbox (RFC 4467 §4); made when it is first needed. */
async function keyOf(session: Session, { accountId, id }: MailboxInfo, make: boolean): Promise<Buffer | undefined> {
  const { settings } = session.mailstore;
  const known = (await settings.read(accountId, id)).find(({ entry }) => entry === KEY_ENTRY)?.value;
  if (known !== undefined || !make) return known;
  return settings.writeOnce(accountId, id, KEY_ENTRY, randomBytes(KEY_BYTES));
}

/** RFC 4467 §6: every URL that was authorized with the key before is worth nothing. */
export async function resetKey(session: Session, mailbox: MailboxInfo): Promise<void> {
  const { accountId } = mailbox;
  await session.mailstore.settings.write([{ accountId, mailbox, entry: KEY_ENTRY, value: randomBytes(KEY_BYTES) }]);
}

/** The same for all mailboxes: the keys are forgotten, and made anew when they are needed. */
export async function forgetKeys(session: Session): Promise<void> {
  const { mailboxes, settings } = session.mailstore;
  const { id } = session.signedIn.account;
  const all = await mailboxes.list(id);
  await settings.write(all.map((mailbox) => ({ accountId: id, mailbox, entry: KEY_ENTRY, value: undefined })));
}

/** Token of a URL: HMAC of all that comes before it, with the key of its mailbox (RFC 4467 §5). */
function tokenOf(key: Buffer, { rump }: AuthorizedUrl): string {
  return HMAC_SHA256 + createHmac('sha256', key).update(rump, 'latin1').digest('hex');
}

/** The URL with its token; undefined when there is no such mailbox of the user's own. */
export async function authorize(session: Session, url: AuthorizedUrl): Promise<string | undefined> {
  const { account } = session.signedIn;
  const mailbox = url.owner === account.address ? await mailboxOf(session, account.id, url) : undefined;
  const key = mailbox && (await keyOf(session, mailbox, true));
  return key && `${url.rump}:${INTERNAL.toLowerCase()}:${tokenOf(key, url)}`;
}

/** What an authorized URL names; undefined, whatever the cause, where this session may not have it (RFC 4467 §4). */
export async function octetsAuthorized(
  session: Session,
  text: string,
  room: number,
): Promise<Buffer | 'too-big' | undefined> {
  const url = parseAuthorizedUrl(text);
  const authorization = url?.authorization;
  if (url === undefined || authorization === undefined || authorization.mechanism.toUpperCase() !== INTERNAL) {
    return undefined;
  }
  if (url.expiresAtMs !== undefined && url.expiresAtMs <= Date.now()) return undefined;
  if (!mayUse(session, url)) return undefined;
  const owner = await session.mailstore.accounts.find(url.owner);
  const mailbox = owner && (await mailboxOf(session, owner.id, url));
  const key = mailbox && (await keyOf(session, mailbox, false));
  if (mailbox === undefined || key === undefined || !isToken(authorization.token, tokenOf(key, url))) return undefined;
  // Invariant: an inactive account shows nothing, whatever it has authorized.
  if ((await session.services.directory.lookUp(url.owner)).kind !== 'account') return undefined;
  return octetsNamed(session, mailbox.id, url.message, room);
}

/** Nobody is a submission host here: the hub reads the mailstore, and needs no URL for that. */
function mayUse(session: Session, { access }: AuthorizedUrl): boolean {
  switch (access.kind) {
    case 'anonymous':
    case 'authuser':
      return true;
    case 'user':
      return access.user === session.signedIn.account.address;
    case 'submit':
      return false;
  }
}

function isToken(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given.toLowerCase()), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function mailboxOf(
  session: Session,
  accountId: number,
  { message }: AuthorizedUrl,
): Promise<MailboxInfo | undefined> {
  const mailbox = await session.mailstore.mailboxes.find(accountId, message.mailbox);
  const same = message.uidValidity === undefined || message.uidValidity === mailbox?.uidValidity;
  return same ? mailbox : undefined;
}
