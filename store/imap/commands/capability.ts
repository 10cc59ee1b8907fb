import { ok } from '../completion.ts';
import { ANY_STATE, type Command, noArguments } from './command.ts';

/** RFC 9051 §6.1.1. */
export const capability: Command<undefined> = {
  name: 'CAPABILITY',
  states: ANY_STATE,
  expunges: true,
  read: noArguments,
  async act(session) {
    session.out.line(`* CAPABILITY ${session.capabilities()}`);
    return ok('CAPABILITY completed');
  },
};
