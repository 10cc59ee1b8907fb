import { createHash } from 'node:crypto';
import type { ListedMailbox, MailboxListing } from '../imap/mailbox-list.ts';

/** What a state of Email and Thread says by itself: how far the account’s one counter of changes was, and which emails there could be. */
export interface EmailState {
  readonly modSeq: number;
  /** Of the mailbox of all mail, whose UIDs are the numbers in EMAILID. */
  readonly uidNext: number;
  readonly uidValidity: number;
}

/**
 * Somewhere between two states (RFC 8620 §5.2): emails up to `afterUid` are as of `to`, the others as of `from`. So a client that
 * takes changes in small portions gets them from any worker, and across a restart.
 */
export interface EmailWalk {
  readonly from: string;
  readonly to: string;
  readonly afterUid: number;
}

/** What a state of Mailbox says by itself. */
export interface MailboxState {
  readonly ids: ReadonlySet<string>;
  /** Of all that is no counter: names, uses, subscriptions. */
  readonly namesHash: string;
}

/** The highest mod-sequence, which the store counts for the account; with the mailboxes, which may go without one. */
export function emailStateOf({ mailboxes, all }: MailboxListing): string {
  const modSeq = Math.max(all?.highestModSeq ?? 1, ...mailboxes.map(({ highestModSeq }) => highestModSeq), 1);
  const names = mailboxes.map(({ id, uidValidity }) => `${id}.${uidValidity}`);
  return `${modSeq}-${all?.uidNext ?? 0}-${all?.uidValidity ?? 0}-${shortHash(names.sort().join())}`;
}

/** Undefined for what is no state of ours. */
export function readEmailState(state: string): EmailState | undefined {
  const match = /^(\d{1,15})-(\d{1,15})-(\d{1,15})-[\w-]{16}$/.exec(state);
  if (match === null) return undefined;
  const [modSeq = 0, uidNext = 0, uidValidity = 0] = match.slice(1).map(Number);
  return modSeq >= 1 && uidNext >= 1 ? { modSeq, uidNext, uidValidity } : undefined;
}

export const walkState = ({ from, to, afterUid }: EmailWalk): string => `${from}~${to}~${afterUid}`;

/** Undefined for a state that is between no two. */
export function readWalk(state: string): EmailWalk | undefined {
  const [from = '', to = '', uid = ''] = state.split('~');
  if (!/^\d{1,15}$/.test(uid) || readEmailState(from) === undefined || readEmailState(to) === undefined)
    return undefined;
  return { from, to, afterUid: Number(uid) };
}

/** The mailboxes that there are lie in the state itself, so that what was made and removed since is known after a restart too. */
export function mailboxStateOf({ mailboxes }: MailboxListing): string {
  const all = shortHash(JSON.stringify(mailboxes.map(({ highestModSeq: _, uidNext: __, ...rest }) => rest)));
  return `${all}-${namesHashOf(mailboxes)}-${packIds(mailboxes.map(({ id }) => id))}`;
}

/** Undefined for what is no state of ours. */
export function readMailboxState(state: string): MailboxState | undefined {
  const match = /^[\w-]{16}-([\w-]{16})-([0-9a-z.]+)$/.exec(state);
  if (match === null) return undefined;
  return { namesHash: match[1] ?? '', ids: new Set(unpackIds(match[2] ?? '')) };
}

export function namesHashOf(mailboxes: readonly ListedMailbox[]): string {
  const names = mailboxes.map(({ id, name, specialUse, subscribed }) => [id, name, specialUse, subscribed]);
  return shortHash(JSON.stringify(names));
}

/** MAILBOXIDs of the store are `M` and a number: how far each is from the one before. Empty when any is another kind of id. */
function packIds(ids: readonly string[]): string {
  if (!ids.every((id) => /^M\d{1,15}$/.test(id))) return '';
  let before = 0;
  const numbers = ids.map((id) => Number(id.slice(1))).sort((a, b) => a - b);
  const steps = numbers.map((number) => {
    const step = number - before;
    before = number;
    return step.toString(36);
  });
  return steps.join('.');
}

function unpackIds(text: string): string[] {
  let number = 0;
  return text.split('.').map((step) => {
    number += Number.parseInt(step, 36);
    return `M${number}`;
  });
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
