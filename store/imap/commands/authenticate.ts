import { FACTOR_MECHANISM, parseFactor } from '@postern/shared/sasl/factor.ts';
import { INVALID_TOKEN, parseOauthBearer } from '@postern/shared/sasl/oauthbearer.ts';
import { type PlainCredentials, parsePlain } from '@postern/shared/sasl/plain.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { bad, type Completion, no } from '../completion.ts';
import { Goodbye } from '../goodbye.ts';
import type { Session } from '../session.ts';
import { signIn, signInByToken } from '../sign-in.ts';
import { type Command, NOT_SIGNED_IN } from './command.ts';

/** RFC 9051 §6.2.2, with the initial response of RFC 4959: PLAIN (RFC 4616), OAUTHBEARER (RFC 7628), and that of webmail hosts. */
export const authenticate: Command<{ readonly mechanism: string; readonly initial: string | undefined }> = {
  name: 'AUTHENTICATE',
  states: NOT_SIGNED_IN,
  expunges: false,
  read(args: ArgumentReader) {
    args.space();
    const mechanism = args.keyword();
    if (args.atEnd) return { mechanism, initial: undefined };
    args.require('SASL-IR', 'initial response');
    args.space();
    const initial = args.astring();
    // RFC 4959 §3: `=` is an initial response of no octets.
    return { mechanism, initial: initial === '=' ? '' : initial };
  },
  async act(session, { mechanism, initial }) {
    const bearer = mechanism === 'OAUTHBEARER' && session.offers('AUTH=OAUTHBEARER');
    const factor = mechanism === FACTOR_MECHANISM && session.trustedPeer !== undefined;
    const plain = mechanism === 'PLAIN' && session.offers('AUTH=PLAIN');
    if (!plain && !bearer && !factor) return no('CANNOT', 'No such authentication mechanism');
    if (!session.passwordsAllowed) return no('PRIVACYREQUIRED', 'Begin TLS first');
    const response = initial ?? (await ask(session, ''));
    if (typeof response !== 'string') return response;
    if (bearer) return authenticateByToken(session, response);
    if (factor) return authenticateWithCode(session, response);
    const credentials = parsePlain(response);
    if (credentials === undefined) return bad('Not a PLAIN response');
    return signIn(session, credentials.user, ownPassword(credentials));
  },
};

/** Acting as another one is not offered: it is refused like a wrong password. */
function ownPassword({ authorizationId, user, password }: PlainCredentials): string {
  return authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase() ? '' : password;
}

/** One exchange for password and code, so that nobody learns which of them was wrong. */
async function authenticateWithCode(session: Session, response: string): Promise<Completion> {
  const credentials = parseFactor(response);
  if (credentials === undefined) return bad(`Not a response of ${FACTOR_MECHANISM}`);
  const way = { service: 'webmail', code: credentials.code } as const;
  return signIn(session, credentials.user, ownPassword(credentials), way);
}

/** RFC 7628 §3.2.3: a refused client hears why as a challenge, answers it, and gets NO. */
async function authenticateByToken(session: Session, response: string): Promise<Completion> {
  const credentials = parseOauthBearer(response);
  if (credentials === undefined) return bad('Not an OAUTHBEARER response');
  const outcome = await signInByToken(session, credentials);
  if (outcome !== 'refused') return outcome;
  const acknowledged = await ask(session, INVALID_TOKEN);
  return typeof acknowledged === 'string' ? no('AUTHENTICATIONFAILED', 'Authentication failed') : acknowledged;
}

/** Sends a challenge; the client's line, or what ends the command. */
async function ask(session: Session, challenge: string): Promise<string | Completion> {
  session.out.line(`+ ${challenge}`);
  await session.connection.flow(true);
  const line = await session.connection.line(session.services.config.loginTimeoutMs);
  if (line === 'timeout' || line === 'interrupted') throw new Goodbye('Sign-in took too long');
  if (line === 'too-long') return bad('Response too long');
  return line.text === '*' ? bad('Authentication cancelled') : line.text;
}
