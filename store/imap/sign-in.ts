import { setTimeout as pause } from 'node:timers/promises';
import { signedIn, signInRefused } from '@postern/shared/runtime/mail-events.ts';
import { type Completion, no, ok } from './completion.ts';
import { ConnectionGone } from './connection.ts';
import type { Session } from './session.ts';

/** One text for every refusal: which of them it was, only the log tells. */
const REFUSED = no('AUTHENTICATIONFAILED', 'Authentication failed');

/** Checks a password with the directory, slowed down after failures, and opens the account. */
export async function signIn(session: Session, user: string, password: string): Promise<Completion> {
  const { services, id, client } = session;
  const accountKey = `account ${user.toLowerCase()}`;
  const keys = [`address ${client}`, accountKey];
  const delayMs = services.throttle.delayMs(keys);
  if (delayMs > 0) await pause(delayMs);
  if (session.connection.gone) throw new ConnectionGone();

  const answer = await services.directory.signIn({ user, password, service: 'imap' });
  const event = { session: id, service: 'imap', client, user };
  if (answer.kind === 'unknown') {
    signInRefused(session.log, { ...event, why: `unavailable: ${answer.cause}` });
    return no('UNAVAILABLE', 'Sign-in is not possible at the moment');
  }
  if (answer.kind === 'refused') {
    services.throttle.failed(keys);
    signInRefused(session.log, { ...event, why: answer.why });
    return REFUSED;
  }
  services.throttle.succeeded(accountKey);
  const ensured = await session.mailstore.accounts.ensure(answer.account);
  if (ensured.kind === 'address-taken') {
    // Invariant 4: another entry owned this address before; an administrator decides.
    signInRefused(session.log, { ...event, why: `address taken by ${ensured.byUuid}` });
    return no('UNAVAILABLE', 'Sign-in is not possible at the moment');
  }
  if (!session.begin(ensured.account, answer.account)) return no('LIMIT', 'Too many sessions of this account');
  signedIn(session.log, event);
  return ok('Signed in', `CAPABILITY ${session.capabilities()}`);
}
