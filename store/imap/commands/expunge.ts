import type { ArgumentReader } from '../codec/lexer.ts';
import type { SequenceSet } from '../codec/sequence-set.ts';
import { no, ok } from '../completion.ts';
import { noSuchMailbox } from '../mailbox-argument.ts';
import { sequenceRanges, uidsOf } from '../message-set.ts';
import { type Command, noArguments, SELECTED } from './command.ts';

/** RFC 9051 §6.4.3. */
export const expunge: Command<undefined> = {
  name: 'EXPUNGE',
  states: SELECTED,
  expunges: true,
  refreshes: true,
  read: noArguments,
  async act(session) {
    const { view, readOnly } = session.selected;
    if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
    const result = await session.mailstore.messages.expunge(view.mailboxId);
    return result.kind === 'expunged' ? ok('EXPUNGE completed') : noSuchMailbox();
  },
};

/** RFC 4315 §2.1: only those of the set. */
export const uidExpunge: Command<SequenceSet> = {
  name: 'UID EXPUNGE',
  states: SELECTED,
  expunges: true,
  refreshes: true,
  capability: 'UIDPLUS',
  read(args: ArgumentReader) {
    args.space();
    return args.sequenceSet();
  },
  async act(session, set) {
    const { view, readOnly } = session.selected;
    if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
    const uids = uidsOf(view, sequenceRanges(view, set, true));
    if (uids.length === 0) return ok('EXPUNGE completed');
    const result = await session.mailstore.messages.expunge(view.mailboxId, uids);
    return result.kind === 'expunged' ? ok('EXPUNGE completed') : noSuchMailbox();
  },
};
