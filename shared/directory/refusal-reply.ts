import { type Reply, reply } from '../smtp/reply.ts';
import type { AddressRefusal } from './directory.ts';
import { type OpenedBy, type StandingQuestions, standingBy, standingFacts } from './standing.ts';

/** What a peer hears at RCPT of an address that the directory refuses, the same at the gateway and at the store (RFC 3463 §3.2, §3.3). */
export const ADDRESS_REFUSAL_REPLIES: Readonly<Record<AddressRefusal, Reply>> = {
  'no-such-user': reply(550, '5.1.1', 'No such user here'),
  'no-such-domain': reply(550, '5.1.2', 'This domain has no mail here'),
  'account-inactive': reply(550, '5.2.1', 'This mailbox takes no mail'),
  'account-deleted': reply(550, '5.1.1', 'No such user here'),
  'alias-inactive': reply(550, '5.2.1', 'This address takes no mail'),
  'domain-inactive': reply(550, '5.2.1', 'This domain takes no mail'),
  'domain-deleted': reply(550, '5.1.2', 'This domain has no mail here'),
};

/** The directory is away or did not tell: try again (invariant 4, RFC 3463 §3.5 X.4.3). */
export const DIRECTORY_UNKNOWN_REPLY: Reply = reply(451, '4.4.3', 'The directory does not answer now, try again later');

/** An account that is not active sends nothing more. */
const MAY_NOT_SEND = reply(550, '5.7.1', 'This account may not send any more');
/** The session closes, and the mail program signs in anew (RFC 5321 §3.8). */
const SIGN_IN_AGAIN = reply(421, '4.7.0', 'Sign in again');

/** A session of submission may last long: what opened it is judged again at each message. Undefined: it may go on. */
export async function refusedStanding(
  directory: StandingQuestions,
  openedBy: OpenedBy,
): Promise<{ readonly reply: Reply; readonly cause: string } | undefined> {
  const standing = standingBy(openedBy, await standingFacts(directory, openedBy));
  if (standing.kind === 'good') return undefined;
  if (standing.kind === 'unknown') return { reply: DIRECTORY_UNKNOWN_REPLY, cause: standing.cause };
  return { reply: standing.gone ? MAY_NOT_SEND : SIGN_IN_AGAIN, cause: standing.why };
}
