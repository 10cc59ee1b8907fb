import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { decodeName, noSuchMailbox } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.5. The mailbox that is selected here is left first. */
export const deleteMailbox: Command<string> = {
  name: 'DELETE',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    return args.astring();
  },
  async act(session, octets) {
    const name = decodeName(session, octets);
    if (name === undefined) return noSuchMailbox();
    const { mailboxes } = session.mailstore;
    const accountId = session.signedIn.account.id;
    const mailbox = await mailboxes.find(accountId, name);
    const result = await mailboxes.remove(accountId, name);
    if (result === 'no-such-mailbox') return noSuchMailbox();
    if (result === 'is-inbox') return no('CANNOT', 'INBOX cannot be deleted');
    if (session.state === 'selected' && session.selected.view.mailboxId === mailbox?.id) session.unselect();
    return ok('DELETE completed');
  },
};
