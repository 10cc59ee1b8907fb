import { decodeUtf8 } from '../codec/arguments.ts';
import { err, ok } from '../codec/reply.ts';
import { AUTHORIZATION, type Pop3Command } from './command.ts';

/** RFC 1939 §7. Every name is welcome here: who exists is nobody's business before the password was right. */
export const user: Pop3Command = {
  name: 'USER',
  states: AUTHORIZATION,
  act(session, rest) {
    if (!session.passwordsAllowed) return err('Begin TLS first', 'SYS/PERM');
    const name = rest && decodeUtf8(rest);
    if (!name) return err('USER wants a name');
    session.userName = name;
    return ok('Now the password');
  },
};
