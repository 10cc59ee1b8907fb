import { ALL_SYSTEM_FLAGS, systemFlagNames } from '../mailstore/flags.ts';
import type { SelectedMailbox } from '../mailstore/mailstore.ts';
import type { ResponseWriter } from './codec/response.ts';

/** Every combination of system flags as ready text, so that a row of FLAGS is one copy. */
const SYSTEM_FLAGS: readonly string[] = Array.from({ length: ALL_SYSTEM_FLAGS + 1 }, (_, bits) =>
  systemFlagNames(bits).join(' '),
);

/** `(\Seen $Forwarded \Recent)` of the message at a sequence number. */
export function writeFlags(out: ResponseWriter, view: SelectedMailbox, sequence: number): void {
  const { flags, uids } = view.columns;
  let text = SYSTEM_FLAGS[(flags[sequence - 1] ?? 0) & ALL_SYSTEM_FLAGS] ?? '';
  if (view.hasKeywords) {
    const keywords = view.keywordsAt(sequence);
    if (keywords.length > 0) text = text === '' ? keywords.join(' ') : `${text} ${keywords.join(' ')}`;
  }
  if ((uids[sequence - 1] ?? 0) >= view.recentFromUid) text = text === '' ? '\\Recent' : `${text} \\Recent`;
  out.text('(').text(text).text(')');
}
