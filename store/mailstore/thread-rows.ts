import { hash } from 'node:crypto';
import type { Database } from './database.ts';
import { InternedOctets } from './interned-octets.ts';
import { KEYS_VERSION } from './key-texts.ts';
import type { ThreadKeys } from './mailstore.ts';

/** Memory for what is remembered of all mailboxes: about 70 octets a message. */
const MAX_BYTES = 64 * 1024 * 1024;
const READ_PAGE = 20_000;
/** The hash of an id is two words. */
const WORD_OCTETS = 4;

/** Typed arrays of a mailbox, in order of UID; they grow at the end. */
interface Rows {
  count: number;
  uids: Uint32Array;
  sentAtMs: Float64Array;
  arrivedAtMs: Float64Array;
  /** Bit 0: a reply or forward; bit 1: the first id is the message's own. */
  marks: Uint8Array;
  /** Hash of the base subject, high and low word; both 0 where it is empty. */
  subjects: Uint32Array;
  /** Where the ids of the row end. */
  ends: Uint32Array;
  /** Hashes of the own id and of what it refers to, high and low word each. */
  ids: Uint32Array;
}

/** UID, date sent, date of arrival, sort keys, ids. */
type KeysRow = [number, number, number, Buffer, Buffer];

const IS_REPLY = 1;
const HAS_OWN_ID = 2;

/**
 * What THREAD compares, by mailbox, in memory: it never changes once it is made, so that only what is newer is read. Rows of expunged
 * messages stay until the mailbox is forgotten.
 */
export class ThreadRows {
  readonly #database: Database;
  /** In order of last use. */
  readonly #byMailbox = new Map<number, Rows>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The highest UID that is known; 0 for none. */
  upTo(mailboxId: number): number {
    const rows = this.#byMailbox.get(mailboxId);
    return rows === undefined || rows.count === 0 ? 0 : (rows.uids[rows.count - 1] as number);
  }

  /**
   * Of these messages (ascending UIDs), as far as they are known.
   *
   * @param newer reads what is newer than what is remembered: its keys have been made
   */
  async of(mailboxId: number, uids: ArrayLike<number>, newer: boolean): Promise<ThreadKeys> {
    const rows = newer ? await this.#caughtUp(mailboxId) : (this.#byMailbox.get(mailboxId) ?? emptyRows());
    this.#byMailbox.delete(mailboxId);
    this.#byMailbox.set(mailboxId, rows);
    this.#forget();
    return keysAmong(rows, uids);
  }

  async #caughtUp(mailboxId: number): Promise<Rows> {
    for (;;) {
      const known = this.upTo(mailboxId);
      const page = await this.#database.rows(
        `SELECT k.uid, k.sent_at, COALESCE(m.internal_date, k.sent_at), k.sort_keys, k.thread_ids
         FROM message_keys k LEFT JOIN message m ON m.mailbox_id = k.mailbox_id AND m.uid = k.uid
         WHERE k.mailbox_id = ? AND k.version = ? AND k.uid > ? ORDER BY k.uid LIMIT ${READ_PAGE}`,
        [mailboxId, KEYS_VERSION, known],
      );
      // Somebody else may have read them meanwhile.
      const rows = this.#byMailbox.get(mailboxId) ?? emptyRows();
      const last = this.upTo(mailboxId);
      const fresh = (page as KeysRow[]).filter(([uid]) => uid > last);
      append(rows, fresh);
      this.#byMailbox.set(mailboxId, rows);
      if (page.length < READ_PAGE) return rows;
    }
  }

  /** The mailboxes used longest ago go first. */
  #forget(): void {
    let bytes = 0;
    for (const rows of this.#byMailbox.values()) bytes += bytesOf(rows);
    for (const [mailboxId, rows] of this.#byMailbox) {
      if (bytes <= MAX_BYTES) return;
      this.#byMailbox.delete(mailboxId);
      bytes -= bytesOf(rows);
    }
  }
}

function emptyRows(): Rows {
  return {
    count: 0,
    uids: new Uint32Array(0),
    sentAtMs: new Float64Array(0),
    arrivedAtMs: new Float64Array(0),
    marks: new Uint8Array(0),
    subjects: new Uint32Array(0),
    ends: new Uint32Array(0),
    ids: new Uint32Array(0),
  };
}

function bytesOf({ uids, ids }: Rows): number {
  return uids.length * 33 + ids.length * 4;
}

function append(rows: Rows, fresh: readonly KeysRow[]): void {
  let words = endOf(rows, rows.count);
  const more = fresh.reduce((sum, [, , , , ids]) => sum + (ids.length - 1) / WORD_OCTETS, 0);
  const count = rows.count + fresh.length;
  if (rows.uids.length < count) {
    const capacity = rows.count === 0 ? count : Math.ceil(count * 1.25);
    rows.uids = longer(new Uint32Array(capacity), rows.uids);
    rows.sentAtMs = longer(new Float64Array(capacity), rows.sentAtMs);
    rows.arrivedAtMs = longer(new Float64Array(capacity), rows.arrivedAtMs);
    rows.marks = longer(new Uint8Array(capacity), rows.marks);
    rows.subjects = longer(new Uint32Array(capacity * 2), rows.subjects);
    rows.ends = longer(new Uint32Array(capacity), rows.ends);
  }
  if (rows.ids.length < words + more) {
    const capacity = words === 0 ? words + more : Math.ceil((words + more) * 1.25);
    rows.ids = longer(new Uint32Array(capacity), rows.ids);
  }
  for (const [uid, sentAtMs, arrivedAtMs, sortKeys, threadIds] of fresh) {
    const row = rows.count;
    rows.uids[row] = uid;
    rows.sentAtMs[row] = sentAtMs;
    rows.arrivedAtMs[row] = arrivedAtMs;
    // The mark of a reply, then the base subject: `unpackSortKeys`.
    const subjectFrom = sortKeys.indexOf(0) + 1;
    const subject = sortKeys.subarray(subjectFrom, sortKeys.indexOf(0, subjectFrom));
    rows.marks[row] = (subjectFrom > 1 ? IS_REPLY : 0) | (threadIds[0] === 1 ? HAS_OWN_ID : 0);
    if (subject.length > 0) {
      const digest = hash('sha256', subject, 'buffer');
      rows.subjects[row * 2] = digest.readUInt32BE(0);
      rows.subjects[row * 2 + 1] = digest.readUInt32BE(4) | 1;
    }
    for (let at = 1; at + WORD_OCTETS <= threadIds.length; at += WORD_OCTETS) {
      rows.ids[words] = threadIds.readUInt32BE(at);
      words += 1;
    }
    rows.ends[row] = words;
    rows.count += 1;
  }
}

function longer<A extends Uint8Array | Uint32Array | Float64Array>(to: A, from: A): A {
  to.set(from);
  return to;
}

const endOf = (rows: Rows, row: number): number => (row === 0 ? 0 : (rows.ends[row - 1] as number));

/** The columns of these messages; ids and subjects as numbers. */
function keysAmong(rows: Rows, uids: ArrayLike<number>): ThreadKeys {
  const places = new Uint32Array(uids.length);
  let count = 0;
  let row = 0;
  let words = 0;
  for (let i = 0; i < uids.length; i += 1) {
    const uid = uids[i] as number;
    while (row < rows.count && (rows.uids[row] as number) < uid) row += 1;
    if (row === rows.count || rows.uids[row] !== uid) continue;
    places[count] = row;
    count += 1;
    words += (rows.ends[row] as number) - endOf(rows, row);
  }
  const keys = {
    count,
    uids: new Uint32Array(count),
    sentAtMs: new Float64Array(count),
    arrivedAtMs: new Float64Array(count),
    subjects: new Uint32Array(count),
    replies: new Uint8Array(count),
    ids: new Int32Array(count).fill(-1),
    starts: new Uint32Array(count + 1),
    references: new Int32Array(words / 2),
  };
  const ids = new InternedOctets(words / 2);
  const subjects = new InternedOctets(count);
  let reference = 0;
  for (let i = 0; i < count; i += 1) {
    const place = places[i] as number;
    const marks = rows.marks[place] as number;
    keys.uids[i] = rows.uids[place] as number;
    keys.sentAtMs[i] = rows.sentAtMs[place] as number;
    keys.arrivedAtMs[i] = rows.arrivedAtMs[place] as number;
    keys.replies[i] = marks & IS_REPLY;
    const low = rows.subjects[place * 2 + 1] as number;
    keys.subjects[i] = low === 0 ? 0 : subjects.numberOf(rows.subjects[place * 2] as number, low) + 1;
    let word = endOf(rows, place);
    const end = rows.ends[place] as number;
    if ((marks & HAS_OWN_ID) !== 0) {
      keys.ids[i] = ids.numberOf(rows.ids[word] as number, rows.ids[word + 1] as number);
      word += 2;
    }
    for (; word < end; word += 2) {
      keys.references[reference] = ids.numberOf(rows.ids[word] as number, rows.ids[word + 1] as number);
      reference += 1;
    }
    keys.starts[i + 1] = reference;
  }
  return { ...keys, idCount: ids.count, subjectCount: subjects.count + 1 };
}
