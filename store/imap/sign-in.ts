import { signedIn, signInEnded, signInRefused } from '@postern/shared/runtime/mail-events.ts';
import type { BearerCredentials } from '@postern/shared/sasl/oauthbearer.ts';
import type { CredentialDesk } from '../settings/setting.ts';
import { signInByPassword } from '../sign-in/password.ts';
import { judgeTokens, tokenHash } from '../sign-in/tokens.ts';
import { type Completion, no, ok } from './completion.ts';
import { ConnectionGone } from './connection.ts';
import type { Session } from './session.ts';

/** One text for every refusal: which of them it was, only the log tells. */
const REFUSED = no('AUTHENTICATIONFAILED', 'Authentication failed');

/** How a password came: by IMAP's own ways, or from a webmail host together with the code that its user typed. */
export type PasswordWay = { readonly service: 'imap' } | { readonly service: 'webmail'; readonly code: string };

/** Checks a password, and begins the session of its account. */
export async function signIn(
  session: Session,
  user: string,
  password: string,
  way: PasswordWay = { service: 'imap' },
): Promise<Completion> {
  const { services, id, client, log } = session;
  const { directory, mailstore, throttle, trusted } = services;
  const answer = await signInByPassword(
    { directory, mailstore, throttle, log },
    {
      session: id,
      ...way,
      client,
      trustedHost: session.trustedPeer !== undefined || trusted.hasAddress(client),
      user,
      password,
      gone: () => session.connection.gone,
    },
  );
  if (answer.kind === 'gone') throw new ConnectionGone();
  if (answer.kind === 'refused') return REFUSED;
  if (answer.kind === 'unavailable') return no('UNAVAILABLE', 'Sign-in is not possible at the moment');
  const { account, entry, appPassword } = answer;
  if (!(await session.begin(account, entry))) return no('LIMIT', 'Too many sessions of this account');
  const leave = services.openSessions?.add({
    openedBy: { service: way.service, entry, appPassword },
    end(why) {
      signInEnded(log, { session: id, service: way.service, user: account.address, why });
      // RFC 5530 §3: access is no longer permitted by what opened the session.
      session.endWith('EXPIRED', 'Sign in again');
    },
  });
  if (leave !== undefined) session.onSignedOut(leave);
  signedIn(log, { session: id, service: way.service, client, user });
  return ok('Signed in', `CAPABILITY ${session.capabilities()}`);
}

/** What a signed-in user needs to change how they sign in; the password is judged as webmail's sign-in judges it. */
export function credentialDesk(session: Session): CredentialDesk {
  const { services, id, client, log, signedIn: who } = session;
  const { directory, mailstore, throttle, trusted, credentialWriter: writer } = services;
  return {
    mailstore,
    writer,
    account: who.account,
    entry: who.entry,
    async prove({ password, code }) {
      const answer = await signInByPassword(
        { directory, mailstore, throttle, log },
        {
          session: id,
          service: 'webmail',
          client,
          trustedHost: session.trustedPeer !== undefined || trusted.hasAddress(client),
          user: who.account.address,
          password,
          code,
          gone: () => session.connection.gone,
        },
      );
      if (answer.kind === 'gone') throw new ConnectionGone();
      if (answer.kind === 'granted') return answer.account.id === who.account.id ? 'granted' : 'refused';
      return answer.kind;
    },
  };
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
  if (!(await session.begin(account, entry, { scope }))) return no('LIMIT', 'Too many sessions of this account');
  session.onSignedOut(
    services.tokens.add({ held, end: () => session.endWith('EXPIRED', 'The token is good no longer') }),
  );
  signedIn(session.log, { ...event, user: account.address });
  return ok('Signed in', `CAPABILITY ${session.capabilities()}`);
}
