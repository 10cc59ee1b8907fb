import { ok } from '../completion.ts';
import { type Command, noArguments, SELECTED } from './command.ts';

/** RFC 9051 §6.4.1: removes the \Deleted messages, silently, unless the mailbox is read-only. */
export const close: Command<undefined> = {
  name: 'CLOSE',
  states: SELECTED,
  expunges: false,
  read: noArguments,
  async act(session) {
    const { view, readOnly, rights } = session.selected;
    // RFC 4314 §4: without the right it is ignored.
    if (!readOnly && rights.has('e')) {
      await session.mailstore.messages.expunge(view.mailboxId, undefined, session.signedIn.account.address);
    }
    session.unselect();
    return ok('CLOSE completed');
  },
};

/** RFC 9051 §6.4.2, RFC 3691: leaves the mailbox as it is. */
export const unselect: Command<undefined> = {
  name: 'UNSELECT',
  states: SELECTED,
  expunges: false,
  capability: 'UNSELECT',
  read: noArguments,
  async act(session) {
    session.unselect();
    return ok('UNSELECT completed');
  },
};
