import { systemFlagNames } from '../mailstore/flags.ts';
import { formatRanges, rangesOf } from './codec/sequence-set.ts';
import { writeFlagUpdate } from './message-data.ts';
import { changeableFlags } from './rights.ts';
import { tellContexts, tellContextsOfExpunged } from './search-context.ts';
import type { Session } from './session.ts';
import type { Selected } from './state.ts';

/** Rows written between two looks at the socket. */
const ROWS_A_TURN = 1000;

/**
 * RFC 9051 §7.5.1: writes EXPUNGE or VANISHED (where allowed), then EXISTS and RECENT, then FETCH of changed flags, then
 * what that changes in searches that are kept up to date.
 */
export async function writeChanges(session: Session, selected: Selected, expunges: boolean): Promise<void> {
  const { out } = session;
  const { view } = selected;
  const changes = view.take({ expunges });
  tellContextsOfExpunged(session, selected, changes);
  if (session.vanishes) {
    // RFC 7162 §3.2.10, RFC 9586 §3.4: UIDs in place of EXPUNGE.
    if (changes.expungedUids.length > 0) out.line(`* VANISHED ${formatRanges(rangesOf(changes.expungedUids))}`);
  } else {
    for (const [row, sequence] of changes.expungedSequence.entries()) {
      out.text('* ').number(sequence).text(' EXPUNGE\r\n');
      if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await session.flow();
    }
  }
  if (changes.exists !== undefined) {
    if (!selected.readOnly) await view.claimRecent();
    out.text('* ').number(changes.exists).text(' EXISTS\r\n');
    if (!session.rev2) out.text('* ').number(recentCount(selected)).text(' RECENT\r\n');
  }
  if (changes.keywordsChanged) writeFlagsLine(session, selected);
  const { notifications } = session;
  const flagsSequence = notifications?.tellsFlags === false ? [] : changes.flagsSequence;
  for (const [row, sequence] of flagsSequence.entries()) {
    // RFC 5465 §5.1, RFC 9051 §7.5.2: with NOTIFY, and in IMAP4rev2, each of them names the UID.
    writeFlagUpdate(session, sequence, { uid: notifications !== undefined || session.rev2 });
    if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await session.flow();
  }
  await tellContexts(session, selected);
  // RFC 7162 §6: the client must not take the mod-sequences above for its own while VANISHED is held back.
  if (session.qresync && view.expungesPending && (flagsSequence.length > 0 || changes.exists !== undefined)) {
    out.line(`* OK [HIGHESTMODSEQ ${view.toldModSeq}] Expunged messages are told later`);
  }
}

/** RFC 3501 §7.3.2: how many messages are \Recent in this session. */
export function recentCount(selected: Selected): number {
  const { view } = selected;
  return Number.isFinite(view.recentFromUid) ? view.exists + 1 - view.firstSequenceFrom(view.recentFromUid) : 0;
}

export const SYSTEM_FLAGS_TEXT = '\\Answered \\Flagged \\Deleted \\Seen \\Draft';

/** RFC 9051 §7.3.5: the flags defined in the mailbox. */
export function writeFlagsLine(session: Session, selected: Selected): void {
  session.out.line(`* FLAGS (${[SYSTEM_FLAGS_TEXT, ...selected.view.keywords()].join(' ')})`);
}

/** RFC 4314 §5.1.1: the flags that the user has a right to change. */
export function writePermanentFlags({ out }: Session, { view, rights, readOnly }: Selected): void {
  const flags: string[] = readOnly ? [] : systemFlagNames(changeableFlags(rights));
  if (!readOnly && rights.has('w')) flags.push(...view.keywords(), '\\*');
  out.line(`* OK [PERMANENTFLAGS (${flags.join(' ')})] ${readOnly ? 'Read-only' : 'Flags are kept'}`);
}
