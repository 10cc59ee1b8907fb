import { SEEN } from '../../mailstore/flags.ts';
import { type FetchAttribute, readFetchAttributes } from '../codec/fetch-attribute.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import type { NumberRange, SequenceSet } from '../codec/sequence-set.ts';
import { ok } from '../completion.ts';
import { writeFetchRows } from '../fetch-rows.ts';
import { writeFlags } from '../message-data.ts';
import { numbersOf, sequenceRanges, uidsOf } from '../message-set.ts';
import type { Session } from '../session.ts';
import { type Command, SELECTED } from './command.ts';

/** Rows written between two looks at the socket. */
const ROWS_A_TURN = 1000;

interface Arguments {
  readonly set: SequenceSet;
  readonly attributes: readonly FetchAttribute[];
}

/** RFC 9051 §6.4.5 FETCH, §6.4.9 UID FETCH. */
function fetching(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID FETCH' : 'FETCH',
    states: SELECTED,
    expunges: uid,
    read(args: ArgumentReader) {
      args.space();
      const set = args.sequenceSet();
      args.space();
      const attributes = readFetchAttributes(args);
      const withUid = uid && !attributes.some((a) => a.kind === 'uid');
      return { set, attributes: withUid ? [{ kind: 'uid' }, ...attributes] : attributes };
    },
    async act(session, { set, attributes }) {
      const { view } = session.selected;
      const ranges = sequenceRanges(view, set, uid);
      if (attributes.every((a) => a.kind === 'flags' || a.kind === 'uid')) {
        await writeFlagRows(session, ranges, attributes);
        return ok('FETCH completed');
      }
      const uids = uidsOf(view, ranges);
      if (uids.length === 0) return ok('FETCH completed');
      const seen = await markSeen(session, uids, attributes);
      const written = await writeFetchRows(session, uids, attributes, seen);
      // RFC 5530 §3: tells why there are fewer responses than messages.
      return ok('FETCH completed', written < uids.length ? 'EXPUNGEISSUED' : undefined);
    },
  };
}

/** Flags and UIDs alone come from the view: no question to the database. */
async function writeFlagRows(
  session: Session,
  ranges: readonly NumberRange[],
  attributes: readonly FetchAttribute[],
): Promise<void> {
  const { out } = session;
  const { view } = session.selected;
  let row = 0;
  for (const sequence of numbersOf(ranges)) {
    out.text('* ').number(sequence).text(' FETCH (');
    for (const [index, attribute] of attributes.entries()) {
      if (index > 0) out.text(' ');
      if (attribute.kind === 'uid') {
        out.text('UID ').number(view.uidAt(sequence) ?? 0);
      } else {
        out.text('FLAGS ');
        writeFlags(out, view, sequence);
      }
    }
    out.text(')\r\n');
    row += 1;
    if (row % ROWS_A_TURN === 0) await session.flow();
  }
}

/** RFC 9051 §6.4.5: BODY[…] without PEEK sets \Seen. Returns the UIDs for which that changed something. */
async function markSeen(
  session: Session,
  uids: readonly number[],
  attributes: readonly FetchAttribute[],
): Promise<ReadonlySet<number>> {
  const { view, readOnly } = session.selected;
  if (readOnly || attributes.every((a) => a.kind !== 'section' || a.peek)) return new Set();
  const { flags } = view.columns;
  const unseen = uids.filter((uid) => ((flags[view.sequenceOf(uid) - 1] ?? SEEN) & SEEN) === 0);
  if (unseen.length === 0) return new Set();
  const change = { how: 'add', flags: { system: SEEN, keywords: [] } } as const;
  const result = await session.mailstore.messages.storeFlags(view.mailboxId, unseen, change);
  if (result.kind !== 'stored') return new Set();
  view.ignoreFlagsOf(result.modSeq);
  await view.refresh();
  return new Set(result.changed);
}

export const fetch = fetching(false);
export const uidFetch = fetching(true);
