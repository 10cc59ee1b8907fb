import { ALL_SYSTEM_FLAGS, systemFlagNames } from '../mailstore/flags.ts';
import type { SelectedMailbox } from '../mailstore/mailstore.ts';
import type { ResponseWriter } from './codec/response.ts';
import type { Session } from './session.ts';

/** Every combination of system flags as ready text, so that a row of FLAGS is one copy. */
const SYSTEM_FLAGS: readonly string[] = Array.from({ length: ALL_SYSTEM_FLAGS + 1 }, (_, bits) =>
  systemFlagNames(bits).join(' '),
);
/** The same in their parentheses. */
const FLAG_LISTS: readonly string[] = SYSTEM_FLAGS.map((names) => `(${names})`);

/** `(\Seen $Forwarded \Recent)` of the message at a sequence number. */
export function flagList(view: SelectedMailbox, sequence: number): string {
  const { flags, uids } = view.columns;
  const bits = (flags[sequence - 1] ?? 0) & ALL_SYSTEM_FLAGS;
  const isRecent = (uids[sequence - 1] ?? 0) >= view.recentFromUid;
  if (!isRecent && !view.hasKeywords) return FLAG_LISTS[bits] ?? '()';
  let text = SYSTEM_FLAGS[bits] ?? '';
  if (view.hasKeywords) {
    const keywords = view.keywordsAt(sequence);
    if (keywords.length > 0) text = text === '' ? keywords.join(' ') : `${text} ${keywords.join(' ')}`;
  }
  if (isRecent) text = text === '' ? '\\Recent' : `${text} \\Recent`;
  return `(${text})`;
}

export function writeFlags(out: ResponseWriter, view: SelectedMailbox, sequence: number): void {
  out.text(flagList(view, sequence));
}

/** `* 12 FETCH (`, or `* 4711 UIDFETCH (` once the client wants no sequence numbers (RFC 9586 §3.3). */
export function beginMessage(session: Session, sequence: number): void {
  const { out, uidOnly } = session;
  if (uidOnly)
    out
      .text('* ')
      .number(session.selected.view.uidAt(sequence) ?? 0)
      .text(' UIDFETCH (');
  else out.text('* ').number(sequence).text(' FETCH (');
}

/** `MODSEQ (12)` (RFC 7162 §3.1.4.2). */
export function writeModSeq(out: ResponseWriter, view: SelectedMailbox, sequence: number): void {
  out
    .text('MODSEQ (')
    .number(view.columns.modSeqs[sequence - 1] ?? 0)
    .text(')');
}

/**
 * A FETCH response that tells of changed flags, with what the client's extensions add: UID, MODSEQ.
 *
 * @param what `modseq` leaves the flags out: the client set them silently, and needs the new number alone
 */
export function writeFlagUpdate(
  session: Session,
  sequence: number,
  options: { readonly uid?: boolean; readonly what?: 'flags' | 'modseq' } = {},
): void {
  const { out } = session;
  const { view } = session.selected;
  beginMessage(session, sequence);
  // RFC 7162 §3.2.4: where QRESYNC is offered, each row names the UID once mod-sequences count.
  if ((options.uid === true || session.condstore) && !session.uidOnly) {
    out
      .text('UID ')
      .number(view.uidAt(sequence) ?? 0)
      .text(' ');
  }
  if (options.what !== 'modseq') {
    out.text('FLAGS ');
    writeFlags(out, view, sequence);
    if (session.condstore) out.text(' ');
  }
  if (session.condstore) writeModSeq(out, view, sequence);
  out.text(')\r\n');
}
