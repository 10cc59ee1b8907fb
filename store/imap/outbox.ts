import { OUTBOX } from '@postern/shared/settings/submission.ts';
import { type Completion, no } from './completion.ts';
import type { ReachedMailbox } from './namespaces.ts';
import type { Session } from './session.ts';

/** Whether what is put into the mailbox goes at once: the account's own Outbox, with the plain old way switched on. */
async function sends(session: Session, mailbox: ReachedMailbox): Promise<boolean> {
  const { outbox } = session.services;
  if (outbox === undefined || mailbox.ownerAddress !== undefined || !isOutbox(mailbox)) return false;
  return outbox.sendsByItself(session.signedIn.account.id);
}

function isOutbox({ ownName }: ReachedMailbox): boolean {
  return ownName.toLowerCase() === OUTBOX.toLowerCase();
}

/**
 * Why messages may not be put into a mailbox in this way. Nothing is copied or moved into an Outbox, so that no drag of a mouse sends old
 * mail; where the plain old way is on COPY sends one message, as APPEND does. Many at a time are refused there: a client that hears NO for
 * the last would send the first ones again.
 */
export async function refusedIntoOutbox(
  session: Session,
  mailbox: ReachedMailbox,
  how: 'APPEND' | 'COPY' | 'MOVE' | 'REPLACE',
  messages: number,
): Promise<Completion | undefined> {
  if (!isOutbox(mailbox)) return undefined;
  const sending = await sends(session, mailbox);
  if (how === 'MOVE' || (how === 'COPY' && !sending)) {
    return no(
      'CANNOT',
      'Nothing is copied or moved into the Outbox: APPEND, and say by METADATA that it is to be sent',
    );
  }
  // What is refused would be gone on both sides.
  if (how === 'REPLACE' && sending) return no('CANNOT', 'This Outbox sends what is put there: APPEND');
  return sending && messages > 1 ? no('LIMIT', 'This Outbox takes one message at a time') : undefined;
}

/** Sends what has just been put there, where the plain old way is on; what is refused is not left behind. */
export async function sendFromOutbox(
  session: Session,
  mailbox: ReachedMailbox,
  uids: readonly number[],
): Promise<Completion | undefined> {
  const { outbox } = session.services;
  const [uid] = uids;
  if (outbox === undefined || uid === undefined || !(await sends(session, mailbox))) return undefined;
  const outcome = await outbox.sendLanded(session.signedIn.account, mailbox, uid);
  return outcome === 'done' ? undefined : no(outcome.code, outcome.why);
}
