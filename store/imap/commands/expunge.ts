import type { ExpungeResult } from '../../mailstore/mailstore.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import type { SequenceSet } from '../codec/sequence-set.ts';
import { type Completion, no, ok } from '../completion.ts';
import { noSuchMailbox } from '../mailbox-argument.ts';
import { sequenceRanges, uidsOf } from '../message-set.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { type Command, noArguments, SELECTED } from './command.ts';

/** RFC 7162 §3.2.7: who keeps mod-sequences learns the one of the expunge; all before it is told before. */
function completionOf(session: Session, result: ExpungeResult): Completion {
  if (result.kind !== 'expunged') return noSuchMailbox();
  const tell = session.condstore && result.uids.length > 0;
  return ok('EXPUNGE completed', tell ? `HIGHESTMODSEQ ${result.modSeq}` : undefined);
}

/** RFC 9051 §6.4.3. */
export const expunge: Command<undefined> = {
  name: 'EXPUNGE',
  states: SELECTED,
  expunges: true,
  refreshes: true,
  removes: true,
  read: noArguments,
  async act(session) {
    const { view, readOnly } = session.selected;
    if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
    const refused = refusal(session.selected, 'e');
    if (refused !== undefined) return refused;
    const { address } = session.signedIn.account;
    const removal = session.mailstore.messages.expunge(view.mailboxId, undefined, address);
    return completionOf(session, await session.whileWorking(removal));
  },
};

/** RFC 4315 §2.1: only those of the set. */
export const uidExpunge: Command<SequenceSet> = {
  name: 'UID EXPUNGE',
  states: SELECTED,
  expunges: true,
  refreshes: true,
  removes: true,
  capability: 'UIDPLUS',
  read(args: ArgumentReader) {
    args.space();
    return args.sequenceSet();
  },
  async act(session, set) {
    const { view, readOnly } = session.selected;
    if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
    const refused = refusal(session.selected, 'e');
    if (refused !== undefined) return refused;
    const uids = uidsOf(view, sequenceRanges(session.selected, set, true));
    if (uids.length === 0) return ok('EXPUNGE completed');
    const removal = session.mailstore.messages.expunge(view.mailboxId, uids, session.signedIn.account.address);
    return completionOf(session, await session.whileWorking(removal));
  },
};
