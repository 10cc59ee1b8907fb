import { ok } from '../completion.ts';
import { ANY_STATE, type Command, noArguments } from './command.ts';

/** RFC 9051 §6.1.3. */
export const logout: Command<undefined> = {
  name: 'LOGOUT',
  states: ANY_STATE,
  expunges: false,
  read: noArguments,
  async act(session) {
    session.unselect();
    session.out.line('* BYE Goodbye');
    session.leave();
    return ok('LOGOUT completed');
  },
};
