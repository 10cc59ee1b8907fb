import type { ArgumentReader } from '../codec/lexer.ts';
import { decodeUtf8 } from '../codec/mailbox-name.ts';
import { bad, no } from '../completion.ts';
import { signIn } from '../sign-in.ts';
import { type Command, NOT_SIGNED_IN } from './command.ts';

/** RFC 9051 §6.2.3. */
export const login: Command<{ readonly user: string; readonly password: string }> = {
  name: 'LOGIN',
  states: NOT_SIGNED_IN,
  expunges: false,
  read(args: ArgumentReader) {
    args.space();
    const user = args.astring();
    args.space();
    return { user, password: args.astring() };
  },
  async act(session, args) {
    if (!session.passwordsAllowed) return no('PRIVACYREQUIRED', 'Begin TLS first');
    const user = decodeUtf8(args.user);
    const password = decodeUtf8(args.password);
    if (user === undefined || password === undefined) return bad('Not UTF-8');
    return signIn(session, user, password);
  },
};
