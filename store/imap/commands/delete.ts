import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { decodeName, noSuchMailbox } from '../mailbox-argument.ts';
import { reachMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
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
    const mailbox = await reachMailbox(session, name);
    if (mailbox === undefined) return noSuchMailbox();
    const refused = refusal(mailbox, 'x');
    if (refused !== undefined) return refused;
    const result = await session.mailstore.mailboxes.remove(mailbox.accountId, mailbox.ownName);
    if (result === 'no-such-mailbox') return noSuchMailbox();
    if (result === 'is-inbox') return no('CANNOT', 'INBOX cannot be deleted');
    if (session.state === 'selected' && session.selected.view.mailboxId === mailbox.id) session.unselect();
    session.notifications?.madeByClient.removed(mailbox.name);
    return ok('DELETE completed');
  },
};
