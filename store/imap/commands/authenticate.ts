import { parsePlain } from '@postern/shared/sasl/plain.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { bad, no } from '../completion.ts';
import { Goodbye } from '../goodbye.ts';
import { signIn } from '../sign-in.ts';
import { type Command, NOT_SIGNED_IN } from './command.ts';

/** RFC 9051 §6.2.2, with the initial response of RFC 4959. */
export const authenticate: Command<{ readonly mechanism: string; readonly initial: string | undefined }> = {
  name: 'AUTHENTICATE',
  states: NOT_SIGNED_IN,
  expunges: false,
  read(args: ArgumentReader) {
    args.space();
    const mechanism = args.keyword();
    if (args.atEnd) return { mechanism, initial: undefined };
    args.space();
    const initial = args.astring();
    // RFC 4959 §3: `=` is an initial response of no octets.
    return { mechanism, initial: initial === '=' ? '' : initial };
  },
  async act(session, { mechanism, initial }) {
    if (mechanism !== 'PLAIN') return no('CANNOT', 'No such authentication mechanism');
    if (!session.passwordsAllowed) return no('PRIVACYREQUIRED', 'Begin TLS first');
    let response = initial;
    if (response === undefined) {
      session.out.line('+ ');
      await session.connection.flow(true);
      const line = await session.connection.line(session.services.config.loginTimeoutMs);
      if (line === 'timeout' || line === 'interrupted') throw new Goodbye('Sign-in took too long');
      if (line === 'too-long') return bad('Response too long');
      if (line.text === '*') return bad('Authentication cancelled');
      response = line.text;
    }
    const credentials = parsePlain(response);
    if (credentials === undefined) return bad('Not a PLAIN response');
    const { authorizationId, user, password } = credentials;
    // Acting as another one is not offered: it is refused like a wrong password.
    const asOther = authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase();
    return signIn(session, user, asOther ? '' : password);
  },
};
