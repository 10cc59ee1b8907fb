import type { ReachedMailbox } from './namespaces.ts';
import type { Session } from './session.ts';

interface Remembered {
  readonly accountId: number;
  readonly utf8: boolean;
  readonly octets: string;
  readonly mailbox: ReachedMailbox;
}

const remembered = new WeakMap<Session, Remembered>();

/**
 * The mailbox of one's own that the session appended to last, if the client means the same by these octets: it is not looked up again. Whether it is still there
 * under its name is seen when its row is locked.
 */
export function lastTarget(session: Session, octets: string): ReachedMailbox | undefined {
  const last = remembered.get(session);
  if (last === undefined || last.octets !== octets || last.utf8 !== session.utf8) return undefined;
  return last.accountId === session.signedIn.account.id ? last.mailbox : undefined;
}

/** Another one's mailbox is not remembered: what was granted may be taken back at any time. */
export function rememberTarget(session: Session, octets: string, mailbox: ReachedMailbox): void {
  const accountId = session.signedIn.account.id;
  if (mailbox.accountId !== accountId) return;
  remembered.set(session, { accountId, utf8: session.utf8, octets, mailbox });
}

export function forgetTarget(session: Session): void {
  remembered.delete(session);
}
