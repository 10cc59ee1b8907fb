import { ok } from '../codec/response.ts';
import { noArguments, readString, type SieveCommand } from './command.ts';

/** RFC 5804 §2.3. */
export const logout: SieveCommand = {
  name: 'LOGOUT',
  when: 'always',
  read: noArguments,
  act(session) {
    session.leave();
    return ok('Bye');
  },
};

/** RFC 5804 §2.13: with a string, the answer carries it. */
export const noop: SieveCommand<string | undefined> = {
  name: 'NOOP',
  when: 'always',
  read: (args) => (args.atEnd ? undefined : readString(args)),
  act: (_, tag) => ok('Done', tag === undefined ? undefined : { tag }),
};

/** RFC 5804 §2.14.1: TLS stays. */
export const unauthenticate: SieveCommand = {
  name: 'UNAUTHENTICATE',
  when: 'signed-in',
  read: noArguments,
  act(session) {
    session.signOut();
    return ok('Signed out');
  },
};
