import { setTimeout as pause } from 'node:timers/promises';
import { signedIn, signInRefused } from '@postern/shared/runtime/mail-events.ts';
import type { BearerCredentials } from '@postern/shared/sasl/oauthbearer.ts';
import { judgeTokens, tokenHash } from '../sign-in/tokens.ts';
import { type Completion, no, ok } from './completion.ts';
import { ConnectionGone } from './connection.ts';
import type { Session } from './session.ts';

/** One text for every refusal: which of them it was, only the log tells. */
const REFUSED = no('AUTHENTICATIONFAILED', 'Authentication failed');

/** Checks a password with the directory, slowed down after failures, and opens the account. */
export async function signIn(session: Session, user: string, password: string): Promise<Completion> {
  const { services, id, client } = session;
  const accountKey = `account ${user.toLowerCase()}`;
  const host = session.trustedPeer !== undefined || services.trusted.hasAddress(client);
  const keys = host ? [accountKey] : [`address ${client}`, accountKey];
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

/** Signs in by a token that this host holds (RFC 7628). `refused`: the client hears so by the mechanism; why, only the log tells. */
export async function signInByToken(session: Session, credentials: BearerCredentials): Promise<Completion | 'refused'> {
  const { services, id, client } = session;
  const certificateName = session.trustedPeer;
  const held = certificateName === undefined ? undefined : { hash: tokenHash(credentials.token), certificateName };
  const [answer] = held === undefined ? [] : await judgeTokens(session.mailstore, services.directory, [held]);
  const event = { session: id, service: 'imap', client, user: credentials.authorizationId };
  if (answer?.kind === 'unknown') {
    signInRefused(session.log, { ...event, why: `unavailable: ${answer.cause}` });
    return no('UNAVAILABLE', 'Sign-in is not possible at the moment');
  }
  if (held === undefined || answer?.kind !== 'granted') {
    signInRefused(session.log, { ...event, why: answer?.kind === 'refused' ? answer.why : 'not a trusted host' });
    return 'refused';
  }
  const { account, entry, scope } = answer;
  const { authorizationId } = credentials;
  if (authorizationId !== '' && authorizationId.toLowerCase() !== account.address) {
    signInRefused(session.log, { ...event, why: 'token of another user' });
    return 'refused';
  }
  if (!session.begin(account, entry, { scope })) return no('LIMIT', 'Too many sessions of this account');
  session.onSignedOut(
    services.tokens.add({ held, end: () => session.endWith('EXPIRED', 'The token is good no longer') }),
  );
  signedIn(session.log, { ...event, user: account.address });
  return ok('Signed in', `CAPABILITY ${session.capabilities()}`);
}
