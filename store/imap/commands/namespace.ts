import { SEPARATOR } from '../codec/mailbox-pattern.ts';
import { ok } from '../completion.ts';
import { OTHER_USERS, SHARED, sharedOwner } from '../namespaces.ts';
import { type Command, noArguments, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.10, RFC 2342: personal, other users', shared. */
export const namespace: Command<undefined> = {
  name: 'NAMESPACE',
  states: SIGNED_IN,
  expunges: true,
  capability: 'NAMESPACE',
  read: noArguments,
  async act(session) {
    const others = session.offers('ACL') ? form(OTHER_USERS) : 'NIL';
    const shared = session.offers('ACL') && sharedOwner(session) !== undefined ? form(SHARED) : 'NIL';
    session.out.line(`* NAMESPACE (("" "${SEPARATOR}")) ${others} ${shared}`);
    return ok('NAMESPACE completed');
  },
};

const form = (top: string): string => `(("${top}${SEPARATOR}" "${SEPARATOR}"))`;
