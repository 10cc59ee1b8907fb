import type { Rights } from '../../mailstore/access-rights.ts';
import type { FlagChange } from '../../mailstore/mailstore.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { formatSequenceSet, type SequenceSet } from '../codec/sequence-set.ts';
import { type Completion, no, ok } from '../completion.ts';
import { toFlagSet } from '../flag-argument.ts';
import { noSuchMailbox } from '../mailbox-argument.ts';
import { writeFlagUpdate } from '../message-data.ts';
import { numbersOf, sequenceRanges, uidsOf } from '../message-set.ts';
import { changeableFlags, flagActor } from '../rights.ts';
import { type Command, SELECTED } from './command.ts';

const ROWS_A_TURN = 1000;
const NONE: ReadonlySet<number> = new Set();

interface Arguments {
  readonly set: SequenceSet;
  readonly change: FlagChange;
  readonly silent: boolean;
}

/** RFC 9051 §6.4.6 STORE, §6.4.9 UID STORE; UNCHANGEDSINCE: RFC 7162 §3.1.3. */
function storing(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID STORE' : 'STORE',
    states: SELECTED,
    expunges: uid,
    counts: !uid,
    read(args: ArgumentReader) {
      args.space();
      const set = args.sequenceSet();
      args.space();
      const unchangedSince = readUnchangedSince(args);
      const how = args.take('+') ? 'add' : args.take('-') ? 'remove' : 'set';
      const item = args.keyword();
      if (item !== 'FLAGS' && item !== 'FLAGS.SILENT') args.fail('expected FLAGS');
      args.space();
      return { set, change: { how, flags: readFlags(args), unchangedSince }, silent: item === 'FLAGS.SILENT' };
    },
    async act(session, { set, change, silent }) {
      const { view, readOnly } = session.selected;
      if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
      if (change.unchangedSince !== undefined) session.enableCondstore();
      const ranges = sequenceRanges(session.selected, set, uid);
      const uids = uidsOf(view, ranges);
      if (uids.length === 0) return ok('STORE completed');
      const refused = refusedChange(session.selected.rights, change);
      if (refused !== undefined) return refused;
      const by = flagActor(session, { ...session.selected.mailbox, rights: session.selected.rights });
      const result = await session.whileWorking(
        session.mailstore.messages.storeFlags(view.mailboxId, uids, change, by),
      );
      if (result.kind === 'no-such-mailbox') return noSuchMailbox();
      if (result.kind === 'too-many-keywords') return no('LIMIT', 'Too many keywords in the mailbox');
      for (const modSeq of result.modSeqs) view.ignoreFlagsOf(modSeq);
      await view.refresh();
      const modified = new Set(result.modified);
      // RFC 7162 §3.1.3: the new mod-sequence is told even where the client asked for silence.
      const changed = silent && session.condstore ? new Set(result.changed) : NONE;
      let row = 0;
      for (const sequence of silent && !session.condstore ? [] : numbersOf(ranges)) {
        const known = view.uidAt(sequence) ?? 0;
        if (modified.has(known)) continue;
        if (!silent) writeFlagUpdate(session, sequence, { uid });
        else if (changed.has(known)) writeFlagUpdate(session, sequence, { uid, what: 'modseq' });
        row += 1;
        if (row % ROWS_A_TURN === 0) await session.flow();
      }
      if (modified.size === 0) return ok('STORE completed');
      const left = result.modified.map((known) => (uid ? known : view.sequenceOf(known))).filter((n) => n > 0);
      return ok('Conditional STORE left some alone', `MODIFIED ${formatSequenceSet(left)}`);
    },
  };
}

/** RFC 4314 §4: refused when the user may change none of the flags named; else what is allowed is done. */
function refusedChange(rights: Rights, { flags }: FlagChange): Completion | undefined {
  const changeable = changeableFlags(rights);
  const named = flags.system !== 0 || flags.keywords.length > 0;
  const some = (flags.system & changeable) !== 0 || (flags.keywords.length > 0 && rights.has('w'));
  return some || (!named && changeable !== 0) ? undefined : no('NOPERM', 'You have no right to change these flags');
}

/** `(UNCHANGEDSINCE 12121230045) ` (RFC 7162 §3.1.3). */
function readUnchangedSince(args: ArgumentReader): number | undefined {
  if (args.peek() !== '(' || !args.offers('CONDSTORE')) return undefined;
  args.expect('(UNCHANGEDSINCE ');
  const modSeq = args.number64();
  args.expect(') ');
  return modSeq;
}

/** A list in parentheses, or flags with spaces between them (RFC 9051 §9 store-att-flags). */
function readFlags(args: ArgumentReader): FlagChange['flags'] {
  if (args.peek() === '(')
    return toFlagSet(
      args,
      args.list(() => args.flag()),
    );
  const names = [args.flag()];
  while (!args.atEnd) {
    args.space();
    names.push(args.flag());
  }
  return toFlagSet(args, names);
}

export const store = storing(false);
export const uidStore = storing(true);
