import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { decodeName, invalidName } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.4. */
export const create: Command<string> = {
  name: 'CREATE',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    return args.astring();
  },
  async act(session, octets) {
    const name = decodeName(session, octets);
    if (name === undefined) return invalidName();
    const result = await session.mailstore.mailboxes.create(session.signedIn.account.id, name);
    switch (result.kind) {
      case 'created':
        return ok('CREATE completed');
      case 'exists':
        return no('ALREADYEXISTS', 'The mailbox exists');
      case 'special-use-taken':
        return no('USEATTR', 'Another mailbox has this use');
      case 'invalid-name':
        return invalidName(result.why);
    }
  },
};
