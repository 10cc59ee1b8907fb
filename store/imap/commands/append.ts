import type { FlagSet } from '../../mailstore/flags.ts';
import { forgetTarget, lastTarget, rememberTarget } from '../append-target.ts';
import { type AppendItem, readAppendItem } from '../codec/append-data.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { formatSequenceSet } from '../codec/sequence-set.ts';
import { type Completion, no, ok } from '../completion.ts';
import { toFlagSet } from '../flag-argument.ts';
import { findMailbox, overQuota, tryCreate } from '../mailbox-argument.ts';
import { assembleMessages } from '../message-assembly.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusedIntoOutbox, sendFromOutbox } from '../outbox.ts';
import { appendAs, quotaOf, quotaUnknown, refusal, uidCode } from '../rights.ts';
import type { Session } from '../session.ts';
import { type Command, SIGNED_IN } from './command.ts';

interface Arguments {
  readonly mailbox: string;
  readonly items: readonly AppendItem<FlagSet>[];
}

/** RFC 9051 §6.3.12, with APPENDUID (RFC 4315 §3), MULTIAPPEND (RFC 3502), CATENATE (RFC 4469), BINARY (RFC 3516 §4.4). */
export const append: Command<Arguments> = {
  name: 'APPEND',
  states: SIGNED_IN,
  expunges: true,
  refreshes: true,
  read(args: ArgumentReader) {
    args.space();
    const mailbox = args.astring();
    const items: AppendItem<FlagSet>[] = [];
    do {
      args.space();
      items.push(readAppendItem(args, toFlagSet));
    } while (!args.atEnd && args.offers('MULTIAPPEND'));
    return { mailbox, items };
  },
  async act(session, { mailbox: octets, items }) {
    const last = lastTarget(session, octets);
    if (last !== undefined) {
      const completion = await appendTo(session, last, items, last.ownName);
      if (completion !== 'no-such-mailbox') return completion;
      // Deleted or renamed since; another may have its name.
      forgetTarget(session);
    }
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return tryCreate();
    rememberTarget(session, octets, mailbox);
    const completion = await appendTo(session, mailbox, items);
    return completion === 'no-such-mailbox' ? tryCreate() : completion;
  },
};

/** @param name that the mailbox must still have when it is locked */
async function appendTo(
  session: Session,
  mailbox: ReachedMailbox,
  items: Arguments['items'],
  name?: string,
): Promise<Completion | 'no-such-mailbox'> {
  const refused = refusal(mailbox, 'i') ?? (await refusedIntoOutbox(session, mailbox, 'APPEND', items.length));
  if (refused !== undefined) return refused;
  const quota = await quotaOf(session, mailbox);
  if (quota === 'unknown') return quotaUnknown();
  const assembled = await assembleMessages(session, items, { accountId: mailbox.accountId, quota });
  if (assembled.kind === 'refused') return assembled.completion;
  const result = await appendAs(session, mailbox, assembled.messages, quota, name);
  switch (result.kind) {
    case 'appended':
      session.notifications?.addedByClient(mailbox.id, result.uids);
      return (
        (await sendFromOutbox(session, mailbox, result.uids)) ??
        ok('APPEND completed', uidCode(mailbox, 'APPENDUID', result.uidValidity, formatSequenceSet(result.uids)))
      );
    case 'no-such-mailbox':
      return 'no-such-mailbox';
    case 'over-quota':
      return overQuota();
    case 'too-many-keywords':
      return no('LIMIT', 'Too many keywords in the mailbox');
  }
}
