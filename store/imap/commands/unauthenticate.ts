import { ok } from '../completion.ts';
import { type Command, noArguments, SIGNED_IN } from './command.ts';

/** RFC 8437 §3: never answered NO. */
export const unauthenticate: Command<undefined> = {
  name: 'UNAUTHENTICATE',
  states: SIGNED_IN,
  expunges: false,
  capability: 'UNAUTHENTICATE',
  read: noArguments,
  async act(session) {
    session.unauthenticate();
    return ok('Signed out');
  },
};
