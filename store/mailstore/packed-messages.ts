import type { Database } from './database.ts';
import { MessageColumns } from './message-columns.ts';
import type { MailboxHead } from './shared-view.ts';
import { Turns } from './turns.ts';

/** UIDs of one statement: those that 15 bits tell apart. */
const PIECE = 32_768;
/** Statements under way at a time, each on a connection of its own: the database packs the next while one is unpacked. */
const AT_A_TIME = 4;
/** Up to here one row for each message is as quick. */
const MOST_AS_ROWS = 100_000;
/** So many UIDs for each message at most: where nearly all have gone, pieces are mostly empty. */
const MAX_SPREAD = 8;
/** Numbers below it travel in four octets, which {@link HIGHEST_BIT} makes sure of: SQL's CHAR leaves out those that are 0 at the beginning. */
const HIGHEST_BIT = 0x80000000;
const MOST_KEYWORDS = 31;

const UID_AND_FLAGS = `(uid & ${PIECE - 1} | ${PIECE}) << 16 | flags`;
const MOD_SEQ = `modseq | ${HIGHEST_BIT}`;
const KEYWORDS = `keywords | ${HIGHEST_BIT}`;

/** What is known of a large mailbox before its messages are read. */
export interface LargeMailbox extends Pick<MailboxHead, 'uidNext' | 'highestModSeq'> {
  readonly id: number;
  /** How many there are, roughly. */
  readonly messages: number;
  /** Numbers of keywords of the account are below it; read after the head. */
  readonly keywordsEnd: number;
}

/**
 * Reads the messages of a large mailbox as a few long values, which the database packs, on several connections: a row for each takes both sides
 * twice as long. The pieces are of different moments: whatever was committed after the head has a higher mod-sequence, and is read again at the next
 * catching up. New messages are left to that too.
 *
 * @returns undefined for a mailbox that must be read row by row
 */
export async function loadPacked(database: Database, mailbox: LargeMailbox): Promise<MessageColumns | undefined> {
  const { messages, uidNext, highestModSeq, keywordsEnd } = mailbox;
  if (messages <= MOST_AS_ROWS || uidNext > messages * MAX_SPREAD) return undefined;
  if (highestModSeq >= HIGHEST_BIT || keywordsEnd > MOST_KEYWORDS) return undefined;
  const withKeywords = keywordsEnd > 0;
  const sql = `SELECT COUNT(*), CAST(GROUP_CONCAT(CHAR(${[UID_AND_FLAGS, MOD_SEQ, ...(withKeywords ? [KEYWORDS] : [])].join(', ')})
                                                  SEPARATOR '') AS BINARY)
               FROM message WHERE mailbox_id = ? AND uid BETWEEN ? AND ?`;
  const ask = async (first: number): Promise<Piece> => {
    const last = Math.min(first + PIECE, uidNext) - 1;
    const [row] = await database.rows(sql, [mailbox.id, first, last]);
    return { first, count: row?.[0] as number, octets: row?.[1] as Buffer | null };
  };
  const columns = new MessageColumns(messages);
  const asked: Promise<Piece>[] = [];
  const turns = new Turns();
  for (let first = 0; first < uidNext || asked.length > 0; first += PIECE) {
    if (first < uidNext) {
      const piece = ask(first);
      // Awaited in its turn, which never comes when one before it fails.
      piece.catch(() => undefined);
      asked.push(piece);
      if (asked.length < AT_A_TIME) continue;
    }
    if (!unpack(columns, await (asked.shift() as Promise<Piece>), withKeywords)) return undefined;
    if (turns.isOver) await turns.letOthers();
  }
  return columns;
}

/** Messages with UIDs from `first`, a multiple of {@link PIECE}, on. */
interface Piece {
  readonly first: number;
  readonly count: number;
  readonly octets: Buffer | null;
}

/** False when it is not what was asked for: cut off (`group_concat_max_len`), out of order, or numbers that take more room. */
function unpack(columns: MessageColumns, { first, count, octets }: Piece, withKeywords: boolean): boolean {
  if (count === 0) return true;
  const width = withKeywords ? 12 : 8;
  if (!Buffer.isBuffer(octets) || octets.length !== count * width) return false;
  let before = -1;
  for (let at = 0; at < octets.length; at += width) {
    const offset = octets.readUInt16BE(at) & (PIECE - 1);
    if (offset <= before) return false;
    before = offset;
    const flags = octets.readUInt16BE(at + 2);
    const modSeq = octets.readUInt32BE(at + 4) - HIGHEST_BIT;
    const low = withKeywords ? octets.readUInt32BE(at + 8) - HIGHEST_BIT : 0;
    columns.append([first + offset, flags, low, 0, modSeq]);
  }
  return true;
}
