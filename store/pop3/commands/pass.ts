import { decodeUtf8 } from '../codec/arguments.ts';
import { err } from '../codec/reply.ts';
import { AUTHORIZATION, type Pop3Command } from './command.ts';
import { signInAndOpen } from './sign-in.ts';

/** RFC 1939 §7: valid right after USER. Spaces belong to the password. */
export const pass: Pop3Command = {
  name: 'PASS',
  states: AUTHORIZATION,
  async act(session, rest) {
    const { userName } = session;
    session.userName = undefined;
    if (!session.passwordsAllowed) return err('Begin TLS first', 'SYS/PERM');
    if (userName === undefined) return err('USER comes first');
    const password = decodeUtf8(rest ?? '');
    if (password === undefined) return err('Not UTF-8');
    return signInAndOpen(session, userName, password);
  },
};
