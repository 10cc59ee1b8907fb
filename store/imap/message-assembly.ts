import { type FlagSet, NO_FLAGS } from '../mailstore/flags.ts';
import type { AppendMessage, MailboxInfo, QuotaLimits } from '../mailstore/mailstore.ts';
import type { AppendItem } from './codec/append-data.ts';
import { type MessageUrl, parseMessageUrl } from './codec/imap-url.ts';
import { withoutNul } from './codec/without-nul.ts';
import { type Completion, no } from './completion.ts';
import { overQuota } from './mailbox-argument.ts';
import { reachMailbox } from './namespaces.ts';
import type { Session } from './session.ts';
import { octetsAuthorized } from './url-authorization.ts';
import { octetsNamed } from './url-content.ts';

export type AssembledMessages =
  | { readonly kind: 'assembled'; readonly messages: readonly AppendMessage[] }
  | { readonly kind: 'refused'; readonly completion: Completion };

const refused = (completion: Completion): AssembledMessages => ({ kind: 'refused', completion });

/**
 * Puts the messages of an APPEND together (CATENATE, RFC 4469), checks size and quota, and makes their bodies durable.
 * Nothing of a refused APPEND is in any mailbox.
 *
 * @param quota of the account that will hold them, and what a replaced message gives back
 */
export async function assembleMessages(
  session: Session,
  items: readonly AppendItem<FlagSet>[],
  holder: { readonly accountId: number; readonly quota: QuotaLimits; readonly freedBytes?: number },
): Promise<AssembledMessages> {
  const { accounts, contents } = session.mailstore;
  const { maxLiteralBytes } = session.services.config;
  const bodies: Buffer[] = [];
  for (const { parts } of items) {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (const part of parts) {
      const piece = part.kind === 'text' ? part.bytes : await octetsOfUrl(session, part.url, maxLiteralBytes - bytes);
      if (piece === 'too-big') return refused(no('TOOBIG', 'The message would be too big'));
      if (piece === undefined) return refused(badUrl(part.kind === 'url' ? part.url : ''));
      pieces.push(piece);
      bytes += piece.length;
    }
    if (bytes > maxLiteralBytes) return refused(no('TOOBIG', 'The message would be too big'));
    // RFC 3502 §6.3.11: an empty message is an error, by which a client may take its APPEND back.
    if (bytes === 0) return refused(no('CANNOT', 'An empty message is not stored'));
    const body = withoutNul(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces));
    // RFC 3516 §4.4.
    if (body === undefined) return refused(no('UNKNOWN-CTE', 'NUL may stand in parts that need no decoding alone'));
    // RFC 6855 §4: what a client sends that does not know of it, it could not read again.
    if (session.offers('UTF8=ACCEPT') && !session.utf8 && hasEightBitHeader(body)) {
      return refused(no('CANNOT', 'The header has 8-bit characters: ENABLE UTF8=ACCEPT first'));
    }
    bodies.push(body);
  }
  // Asked before bodies are written in transactions of their own, so that an account over its quota fills no table; decided under the lock.
  const more = bodies.reduce((sum, body) => sum + body.length, 0) - (holder.freedBytes ?? 0);
  const writesBefore = holder.freedBytes === undefined ? bodies.some((body) => !contents.travels(body)) : more > 0;
  if (writesBefore && !(await accounts.fits(holder.accountId, Math.max(1, more), holder.quota)))
    return refused(overQuota());
  const messages: AppendMessage[] = [];
  for (const [index, { flags, internalDateMs }] of items.entries()) {
    const content = await contents.arrived(bodies[index] ?? Buffer.alloc(0));
    messages.push({ content, flags: flags ?? NO_FLAGS, internalDate: new Date(internalDateMs ?? Date.now()) });
  }
  return { kind: 'assembled', messages };
}

/** Whether the header, up to the empty line, has octets above ASCII. */
function hasEightBitHeader(message: Buffer): boolean {
  let lineIsEmpty = true;
  for (const octet of message) {
    if (octet > 0x7f) return true;
    if (octet === 0x0a && lineIsEmpty) return false;
    if (octet !== 0x0d) lineIsEmpty = octet === 0x0a;
  }
  return false;
}

/** RFC 4469 §4.1: the URL comes back in the response, but for octets that a response code cannot hold. */
function badUrl(url: string): Completion {
  return no(`BADURL ${url.replace(/[^\x20-\x5b\x5e-\x7e]/g, '?').slice(0, 500)}`, 'No such message or part');
}

async function octetsOfUrl(session: Session, text: string, room: number): Promise<Buffer | 'too-big' | undefined> {
  // RFC 4469 §3: a URL that bears its authorization is as good.
  if (session.offers('URLAUTH') && /^imap:/i.test(text)) return octetsAuthorized(session, text, room);
  const url = parseMessageUrl(text);
  const mailbox = url && (await mailboxOf(session, url));
  if (url === undefined || mailbox === undefined) return undefined;
  if (url.uidValidity !== undefined && url.uidValidity !== mailbox.uidValidity) return undefined;
  return octetsNamed(session, mailbox.id, url, room);
}

async function mailboxOf(session: Session, url: MessageUrl): Promise<MailboxInfo | undefined> {
  const name = url.mailbox ?? (session.state === 'selected' ? session.selected.name : undefined);
  const mailbox = name === undefined ? undefined : await reachMailbox(session, name);
  return mailbox?.rights.has('r') === true ? mailbox : undefined;
}
