import { type Database, insertRows, integerList, type SqlRunner } from './database.ts';
import { MAX_KEYWORD_OCTETS } from './flags.ts';

/**
 * Keywords of a message: numbers 0 to 31 as bits of `low`, 32 to 62 of `high` (both unsigned), and those from 64 on one by
 * one. The highest bit of `high` says that there may be some of the latter, in the table `message_keyword`.
 */
export interface KeywordBits {
  readonly low: number;
  readonly high: number;
  /** Numbers from 64 on, ascending. */
  readonly more: readonly number[];
}

export const NO_MORE: readonly number[] = [];
export const NO_KEYWORDS: KeywordBits = { low: 0, high: 0, more: NO_MORE };
/** Bit 63 of the column: look into `message_keyword` too. */
const MORE_NO = 63;
export const MORE_BIT = 0x80000000;
export const MORE_LITERAL = '9223372036854775808';
/** Keywords of one account: an end that no person reaches and that keeps memory bounded. */
const MAX_KEYWORDS = 20_000;

/** Reads `keywords` as two numbers that JavaScript can hold: `keywords & 0xFFFFFFFF, keywords >> 32`. */
export const KEYWORD_COLUMNS = 'keywords & 4294967295, keywords >> 32';

/** The column's value as a decimal literal for SQL: 64 bits are more than a JavaScript number holds. */
export function keywordLiteral(bits: KeywordBits): string {
  const high = bits.more.length > 0 ? bits.high | MORE_BIT : bits.high;
  return ((BigInt(high >>> 0) << 32n) | BigInt(bits.low >>> 0)).toString();
}

/** Keywords from 64 on, by UID, of the messages that meet `condition` (on `uid`); rows are left behind by the mark alone. */
export async function readMoreKeywords(
  sql: SqlRunner,
  mailboxId: number,
  condition: string,
): Promise<Map<number, number[]>> {
  const rows = await sql.rowsOnce(
    `SELECT uid, keyword_no FROM message_keyword WHERE mailbox_id = ${integerList([mailboxId])} AND ${condition}
     ORDER BY uid, keyword_no`,
  );
  const found = new Map<number, number[]>();
  for (const [uid, no] of rows as [number, number][]) {
    const list = found.get(uid);
    if (list === undefined) found.set(uid, [no]);
    else list.push(no);
  }
  return found;
}

/** Keywords of either. */
export function bothOf(a: KeywordBits, b: KeywordBits): KeywordBits {
  const more = [...new Set([...a.more, ...b.more])].sort((x, y) => x - y);
  return { low: (a.low | b.low) >>> 0, high: (a.high | b.high) >>> 0, more };
}

/** RFC 9051 §2.3.2: keywords ignore case. */
function fold(name: string): string {
  return name.toLowerCase();
}

/**
 * The keywords of each account: number ↔ name, in memory and in step with the table. Numbers are given under the
 * account's lock and never change, so what is known stays right.
 */
export class Keywords {
  readonly #database: Database;
  readonly #byAccount = new Map<number, string[]>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Names by number, as far as known; a number in between may have none. */
  known(accountId: number): readonly string[] {
    return this.#byAccount.get(accountId) ?? [];
  }

  /** Reads names again when a number is used whose name is not known yet. */
  async ensureKnown(accountId: number, highestNo: number, sql: SqlRunner = this.#database): Promise<void> {
    if (highestNo >= this.known(accountId).length) await this.load(accountId, sql);
  }

  async load(accountId: number, sql: SqlRunner = this.#database): Promise<readonly string[]> {
    const rows = await sql.rows('SELECT no, name FROM keyword WHERE account_id = ? ORDER BY no', [accountId]);
    const names: string[] = [];
    for (const [no, name] of rows as [number, string][]) names[no] = name;
    this.#byAccount.set(accountId, names);
    return names;
  }

  namesOf(accountId: number, bits: KeywordBits): string[] {
    if (bits.low === 0 && bits.high === 0) return [];
    const known = this.known(accountId);
    const names: string[] = [];
    for (let no = 0; no < Math.min(known.length, MORE_NO); no++) if (hasBit(bits, no)) names.push(known[no] as string);
    for (const no of bits.more) if (known[no] !== undefined) names.push(known[no]);
    return names;
  }

  /**
   * Bits of names; unknown names get numbers when `define` is set, else they are left out. The account must be locked.
   * Undefined when there is no number left.
   */
  async bitsOf(
    sql: SqlRunner,
    accountId: number,
    names: readonly string[],
    define: boolean,
  ): Promise<KeywordBits | undefined> {
    if (names.length === 0) return NO_KEYWORDS;
    const existing = await sql.rows('SELECT no, folded FROM keyword WHERE account_id = ?', [accountId]);
    const numbers = new Map((existing as [number, string][]).map(([no, folded]) => [folded, no]));
    const fresh: [number, string][] = [];
    let bits: KeywordBits = NO_KEYWORDS;
    for (const name of names) {
      let no = numbers.get(fold(name));
      if (no === undefined) {
        if (!define) continue;
        // The number of the mark is nobody's.
        no = numbers.size < MORE_NO ? numbers.size : numbers.size + 1;
        if (no > MAX_KEYWORDS || Buffer.byteLength(name) > MAX_KEYWORD_OCTETS) return undefined;
        numbers.set(fold(name), no);
        fresh.push([no, name]);
      }
      bits = withNumber(bits, no);
    }
    await insertRows(
      sql,
      'INSERT INTO keyword (account_id, no, name, folded)',
      fresh.map(([no, name]) => [accountId, no, name, fold(name)]),
    );
    return bits;
  }
}

function hasBit(bits: KeywordBits, no: number): boolean {
  return no < 32 ? ((bits.low >>> no) & 1) === 1 : ((bits.high >>> (no - 32)) & 1) === 1;
}

function withNumber(bits: KeywordBits, no: number): KeywordBits {
  if (no < 32) return { ...bits, low: (bits.low | (1 << no)) >>> 0 };
  if (no < MORE_NO) return { ...bits, high: (bits.high | (1 << (no - 32))) >>> 0 };
  return { ...bits, more: [...new Set([...bits.more, no])].sort((a, b) => a - b) };
}
