import type { FlagSet } from '../../mailstore/flags.ts';
import { type AppendItem, readAppendItem } from '../codec/append-data.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import type { SequenceSet } from '../codec/sequence-set.ts';
import { formatSequenceSet } from '../codec/sequence-set.ts';
import { bad, no, ok } from '../completion.ts';
import { toFlagSet } from '../flag-argument.ts';
import { findMailbox, overQuota, tryCreate } from '../mailbox-argument.ts';
import { assembleMessages } from '../message-assembly.ts';
import { refusedIntoOutbox } from '../outbox.ts';
import { flagActor, flagsAllowed, markSeen, quotaOf, quotaUnknown, refusal, uidCode } from '../rights.ts';
import { type Command, SELECTED } from './command.ts';

interface Arguments {
  /** One number or `*`. */
  readonly set: SequenceSet;
  readonly mailbox: string;
  readonly item: AppendItem<FlagSet>;
}

/** RFC 8508: the new message comes and the old one goes in one transaction. */
function replacing(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID REPLACE' : 'REPLACE',
    states: SELECTED,
    expunges: true,
    counts: !uid,
    refreshes: true,
    removes: true,
    capability: 'REPLACE',
    read(args: ArgumentReader) {
      args.space();
      const set = args.sequenceSet();
      const [only] = set.ranges;
      if (set.ranges.length !== 1 || only === undefined || only.first !== only.last) args.fail('expected one message');
      args.space();
      const mailbox = args.astring();
      args.space();
      return { set, mailbox, item: readAppendItem(args, toFlagSet) };
    },
    async act(session, { set, mailbox: octets, item }) {
      const { view, readOnly } = session.selected;
      if (readOnly) return no('READ-ONLY', 'The mailbox was opened read-only');
      const number = set.ranges[0]?.first ?? 0;
      const sequence = number === Number.POSITIVE_INFINITY ? view.exists : uid ? view.sequenceOf(number) : number;
      const replacedUid = view.uidAt(sequence);
      if (replacedUid === undefined) return uid ? no('NONEXISTENT', 'No such message') : bad('No such message');
      const target = await findMailbox(session, octets);
      if (target === undefined) return tryCreate();
      const refused =
        refusal(target, 'i') ??
        refusal(session.selected, 'te') ??
        (await refusedIntoOutbox(session, target, 'REPLACE', 1));
      if (refused !== undefined) return refused;
      let freedBytes = 0;
      for await (const [message] of session.mailstore.messages.fetch(view.mailboxId, [replacedUid], {})) {
        // What another account gets rid of makes no room in this one.
        if (view.accountId === target.accountId) freedBytes = message?.sizeBytes ?? 0;
      }
      const quota = await quotaOf(session, target);
      if (quota === 'unknown') return quotaUnknown();
      const assembled = await assembleMessages(session, [item], { accountId: target.accountId, quota, freedBytes });
      if (assembled.kind === 'refused') return assembled.completion;
      const [message] = assembled.messages;
      if (message === undefined) return bad('No message');
      const allowed = { ...message, flags: flagsAllowed(message.flags, flagActor(session, target)) };
      const result = await session.mailstore.messages.replace(
        view.mailboxId,
        replacedUid,
        target.id,
        allowed,
        quota,
        session.signedIn.account.address,
      );
      if (result.kind === 'appended') await markSeen(session, target, [message], result.uids);
      switch (result.kind) {
        case 'appended': {
          session.notifications?.addedByClient(target.id, result.uids);
          // RFC 8508 §3.2: before EXPUNGE, so that a client knows the new message when the old one goes.
          const code = uidCode(target, 'APPENDUID', result.uidValidity, formatSequenceSet(result.uids));
          if (code !== undefined) session.out.line(`* OK [${code}] Replacement message ready`);
          // RFC 8508 §4.5, RFC 7162 §3.2.9: as after UID EXPUNGE.
          return ok('REPLACE completed', session.condstore ? `HIGHESTMODSEQ ${result.sourceModSeq}` : undefined);
        }
        case 'replaced-is-gone':
          return no('EXPUNGEISSUED', 'Another session removed the message');
        case 'no-such-mailbox':
          return tryCreate();
        case 'over-quota':
          return overQuota();
        case 'too-many-keywords':
          return no('LIMIT', 'Too many keywords in the mailbox');
      }
    },
  };
}

export const replace = replacing(false);
export const uidReplace = replacing(true);
