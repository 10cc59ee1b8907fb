import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { decodeName, invalidName, noSuchMailbox } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.6. */
export const rename: Command<{ readonly from: string; readonly to: string }> = {
  name: 'RENAME',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    const from = args.astring();
    args.space();
    return { from, to: args.astring() };
  },
  async act(session, { from, to }) {
    const oldName = decodeName(session, from);
    const newName = decodeName(session, to);
    if (oldName === undefined) return noSuchMailbox();
    if (newName === undefined) return invalidName();
    const result = await session.mailstore.mailboxes.rename(session.signedIn.account.id, oldName, newName);
    switch (result.kind) {
      case 'renamed':
        return ok('RENAME completed');
      case 'no-such-mailbox':
        return noSuchMailbox();
      case 'exists':
        return no('ALREADYEXISTS', 'The new name is taken');
      case 'invalid-name':
        return invalidName(result.why);
    }
  },
};
