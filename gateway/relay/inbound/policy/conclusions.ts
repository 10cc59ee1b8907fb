import { BoundedMap } from '../../bounded-map.ts';
import type { BoundedQuestions, NotingQuestions } from './bounded-questions.ts';

const MAX_KEPT = 4_096;

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
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > performance.now()) return kept.value;
    const noting = questions.noting();
    const value = await conclude(noting);
    // What asked nothing is known without the DNS, and cheap.
    if (Number.isFinite(noting.goodUntil)) this.#kept.set(key, { value, until: noting.goodUntil });
    return value;
  }
}
