import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { decodeName, invalidName } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';

const readName = (args: ArgumentReader): string => {
  args.space();
  return args.astring();
};

/** RFC 9051 §6.3.7: a name may be subscribed to while no mailbox bears it. */
export const subscribe: Command<string> = {
  name: 'SUBSCRIBE',
  states: SIGNED_IN,
  expunges: true,
  read: readName,
  async act(session, octets) {
    const name = decodeName(session, octets);
    if (name === undefined) return invalidName();
    const result = await session.mailstore.mailboxes.subscribe(session.signedIn.account.id, name);
    if (result !== 'subscribed') return invalidName();
    session.notifications?.madeByClient.subscribed(name, true);
    return ok('SUBSCRIBE completed');
  },
};

/** RFC 9051 §6.3.8: no error when it was not subscribed to. */
export const unsubscribe: Command<string> = {
  name: 'UNSUBSCRIBE',
  states: SIGNED_IN,
  expunges: true,
  read: readName,
  async act(session, octets) {
    const name = decodeName(session, octets);
    if (name !== undefined) {
      await session.mailstore.mailboxes.unsubscribe(session.signedIn.account.id, name);
      session.notifications?.madeByClient.subscribed(name, false);
    }
    return ok('UNSUBSCRIBE completed');
  },
};
