import { createHash } from 'node:crypto';
import { BoundedMap } from '../../bounded-map.ts';
import type { BoundedQuestions, NotingQuestions } from './bounded-questions.ts';

const MAX_KEPT = 4_096;
/** A stranger's list of authors may be a megabyte: of a longer key the digest is kept. */
const MAX_KEY_LENGTH = 1_024;

interface Kept<T> {
  readonly value: T;
  /** By performance.now. */
  readonly until: number;
}

/**
 * What was concluded from the DNS and from nothing else but what the key says. It is kept for as long as every answer that it came from is kept
 * by the resolver: until then the same work would come to the same end.
 */
export class Conclusions<T> {
  readonly #kept = new BoundedMap<string, Kept<T>>(MAX_KEPT);

  /** @param key all that the conclusion depends on, beside the DNS */
  async of(key: string, questions: BoundedQuestions, conclude: (questions: NotingQuestions) => Promise<T>): Promise<T> {
    const name = key.length > MAX_KEY_LENGTH ? createHash('sha256').update(key).digest('base64') : key;
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.until > performance.now()) return kept.value;
    const noting = questions.noting();
    const value = await conclude(noting);
    // What asked nothing is known without the DNS, and cheap.
    if (Number.isFinite(noting.goodUntil)) this.#kept.set(name, { value, until: noting.goodUntil });
    return value;
  }
}
