import { err, ok, type PopReply } from '../codec/reply.ts';
import { Maildrop } from '../maildrop.ts';
import type { Pop3Session } from '../session.ts';

/** RFC 3206 §4: AUTH says that the credentials are at fault, SYS/TEMP that they may be good. */
const REPLIES = {
  refused: err('Authentication failed', 'AUTH'),
  unavailable: err('Sign-in is not possible at the moment', 'SYS/TEMP'),
  'too-many': err('Too many sessions of this account', 'SYS/TEMP'),
} as const;

/** Checks the password and opens the maildrop: the end of USER and PASS, and of AUTH. */
export async function signInAndOpen(session: Pop3Session, user: string, password: string): Promise<PopReply> {
  const outcome = await session.signIn(user, password);
  if (outcome !== 'signed-in') return REPLIES[outcome];
  let maildrop: Maildrop | 'too-many';
  try {
    maildrop = await Maildrop.open(session.mailstore, session.account.id, session.services.config.maxMessages);
  } catch (fault) {
    session.signOut();
    throw fault;
  }
  if (maildrop === 'too-many') {
    session.signOut();
    return err('INBOX holds too many messages for POP3; use IMAP', 'SYS/PERM');
  }
  session.beginTransaction(maildrop);
  return ok(`${maildrop.count} messages (${maildrop.sizeBytes} octets)`);
}
