import { ok } from '../completion.ts';
import { type Command, noArguments, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.10, RFC 2342: the personal namespace alone, for now. */
export const namespace: Command<undefined> = {
  name: 'NAMESPACE',
  states: SIGNED_IN,
  expunges: true,
  capability: 'NAMESPACE',
  read: noArguments,
  async act(session) {
    session.out.line('* NAMESPACE (("" "/")) NIL NIL');
    return ok('NAMESPACE completed');
  },
};
