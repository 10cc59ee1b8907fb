import { NUMBER_OCTETS, putNumber, putOctets } from '../connection/octets.ts';
import { ALL_SYSTEM_FLAGS } from '../mailstore/flags.ts';
import type { MailboxColumns, SelectedMailbox } from '../mailstore/mailstore.ts';
import type { FetchAttribute } from './codec/fetch-attribute.ts';
import type { NumberRange } from './codec/sequence-set.ts';
import { flagList } from './message-data.ts';
import type { Session } from './session.ts';

/** Rows written between two looks at the socket. */
const ROWS_A_TURN = 1000;
/** A list of flags longer than this does not go in one stroke. */
const LONG_LIST = 1024;
/** Combinations of flags and keywords that one response remembers. */
const MAX_REMEMBERED = 4096;

/** What stands between the texts of a row. */
type RowValue = 'sequence' | 'uid' | 'modseq' | 'flags';

/** The rows' shape: a text, a value, a text, a value … and the last text. */
interface RowShape {
  readonly values: readonly RowValue[];
  readonly texts: readonly Uint8Array[];
  readonly end: Uint8Array;
  /** Octets of a row at most, but for its flags. */
  readonly octets: number;
}

/** `* 12 FETCH (UID 4711 FLAGS (\Seen))` taken apart, so that a row is a few copies. */
function rowShape(session: Session, attributes: readonly FetchAttribute[]): RowShape {
  const values: RowValue[] = [session.uidOnly ? 'uid' : 'sequence'];
  const texts = ['* '];
  let text = session.uidOnly ? ' UIDFETCH (' : ' FETCH (';
  for (const [index, { kind }] of attributes.entries()) {
    if (index > 0) text += ' ';
    if (kind === 'uid') text += 'UID ';
    else text += kind === 'modseq' ? 'MODSEQ (' : 'FLAGS ';
    texts.push(text);
    values.push(kind === 'uid' || kind === 'modseq' ? kind : 'flags');
    text = kind === 'modseq' ? ')' : '';
  }
  const end = Buffer.from(`${text})\r\n`, 'latin1');
  const octets = texts.reduce((sum, { length }) => sum + length + NUMBER_OCTETS, end.length);
  return { values, texts: texts.map((each) => Buffer.from(each, 'latin1')), end, octets };
}

/** The flags of messages as octets, each combination rendered once. */
class FlagLists {
  readonly #view: SelectedMailbox;
  /** By system flags and \Recent, where there is no keyword: most have none. */
  readonly #plain: (Uint8Array | undefined)[] = [];
  readonly #others = new Map<number, Uint8Array>();

  constructor(view: SelectedMailbox) {
    this.#view = view;
  }

  /** `columns` are those of the view now. */
  at(sequence: number, columns: MailboxColumns, recentFromUid: number): Uint8Array {
    const row = sequence - 1;
    const isRecent = (columns.uids[row] as number) >= recentFromUid;
    const bits = ((columns.flags[row] as number) & ALL_SYSTEM_FLAGS) | (isRecent ? ALL_SYSTEM_FLAGS + 1 : 0);
    const low = columns.keywordsLow === undefined ? 0 : (columns.keywordsLow[row] as number);
    const high = columns.keywordsHigh === undefined ? 0 : (columns.keywordsHigh[row] as number);
    if (high !== 0) return this.#rendered(sequence);
    if (low === 0) {
      this.#plain[bits] ??= this.#rendered(sequence);
      return this.#plain[bits];
    }
    // 32 bits of keywords and six of flags are a whole number.
    const key = low * 64 + bits;
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const list = this.#rendered(sequence);
    if (this.#others.size < MAX_REMEMBERED) this.#others.set(key, list);
    return list;
  }

  #rendered(sequence: number): Uint8Array {
    return Buffer.from(flagList(this.#view, sequence), 'latin1');
  }
}

const NO_FLAGS_ASKED = new Uint8Array(0);

/** FETCH of flags, UIDs and mod-sequences alone: the view answers, with no question to the database. */
export async function writeFlagRows(
  session: Session,
  ranges: readonly NumberRange[],
  attributes: readonly FetchAttribute[],
): Promise<void> {
  const { view } = session.selected;
  const shape = rowShape(session, attributes);
  const lists = shape.values.includes('flags') ? new FlagLists(view) : undefined;
  for (const { first, last } of ranges) {
    for (let from = first; from <= last; from += ROWS_A_TURN) {
      writeRows(session, { first: from, last: Math.min(last, from + ROWS_A_TURN - 1) }, shape, lists);
      await session.flow();
    }
  }
}

/** Some rows in one stroke: the columns may be others after a wait. */
function writeRows(session: Session, { first, last }: NumberRange, shape: RowShape, lists?: FlagLists): void {
  const { out } = session;
  const { columns, recentFromUid } = session.selected.view;
  const { uids, modSeqs } = columns;
  const { values, texts, end, octets } = shape;
  for (let sequence = first; sequence <= last; sequence += 1) {
    const list = lists === undefined ? NO_FLAGS_ASKED : lists.at(sequence, columns, recentFromUid);
    const long = list.length > LONG_LIST;
    let piece = out.reserve(long ? octets : octets + list.length);
    let { at } = out;
    for (let i = 0; i < values.length; i += 1) {
      at = putOctets(piece, at, texts[i] as Uint8Array);
      const value = values[i];
      if (value === 'uid') at = putNumber(piece, at, uids[sequence - 1] as number);
      else if (value === 'sequence') at = putNumber(piece, at, sequence);
      else if (value === 'modseq') at = putNumber(piece, at, modSeqs[sequence - 1] as number);
      else if (!long) at = putOctets(piece, at, list);
      else {
        out.advanceTo(at);
        out.bytes(list);
        piece = out.reserve(octets);
        at = out.at;
      }
    }
    out.advanceTo(putOctets(piece, at, end));
  }
}
