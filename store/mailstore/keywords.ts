import { type Database, insertRows, type SqlRunner } from './database.ts';
import { MAX_KEYWORD_OCTETS } from './flags.ts';

/** Keywords of a message as bits: numbers 0 to 31 in `low`, 32 to 63 in `high`, both unsigned. */
export interface KeywordBits {
  readonly low: number;
  readonly high: number;
}

export const NO_KEYWORDS: KeywordBits = { low: 0, high: 0 };
const MAX_BITS = 64;

/** Reads `keywords` as two numbers that JavaScript can hold: `keywords & 0xFFFFFFFF, keywords >> 32`. */
export const KEYWORD_COLUMNS = 'keywords & 4294967295, keywords >> 32';

/** The bits as a decimal literal for SQL: 64 bits are more than a JavaScript number holds. */
export function keywordLiteral(bits: KeywordBits): string {
  return ((BigInt(bits.high >>> 0) << 32n) | BigInt(bits.low >>> 0)).toString();
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

  /** Names by number, as far as known. */
  known(accountId: number): readonly string[] {
    return this.#byAccount.get(accountId) ?? [];
  }

  /** Reads names again when a bit is set whose name is not known yet. */
  async ensureKnown(accountId: number, bits: KeywordBits, sql: SqlRunner = this.#database): Promise<void> {
    const known = this.known(accountId).length;
    const highest = bits.high !== 0 ? 63 - Math.clz32(bits.high) : bits.low !== 0 ? 31 - Math.clz32(bits.low) : -1;
    if (highest >= known) await this.load(accountId, sql);
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
    return this.known(accountId).filter((_, no) => hasBit(bits, no));
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
        no = numbers.size;
        if (no >= MAX_BITS || Buffer.byteLength(name) > MAX_KEYWORD_OCTETS) return undefined;
        numbers.set(fold(name), no);
        fresh.push([no, name]);
      }
      bits = withBit(bits, no);
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

function withBit(bits: KeywordBits, no: number): KeywordBits {
  return no < 32
    ? { low: (bits.low | (1 << no)) >>> 0, high: bits.high }
    : { low: bits.low, high: (bits.high | (1 << (no - 32))) >>> 0 };
}
