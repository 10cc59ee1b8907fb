import type { Log } from './log.ts';

/** Longest that a session waits for the process that remembers; without its word the client is not held up. */
const ANSWER_MS = 2_000;

/** Questions to the process that remembers something for all workers of a service, asked by messages. */
export class AskedProcess<Question extends { readonly what: string }> {
  readonly #send: (id: number, question: Question) => void;
  readonly #log: Log;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #questions = 0;

  /** @param send brings a question there, whose answer comes to {@link answered} */
  constructor(send: (id: number, question: Question) => void, log: Log) {
    this.#send = send;
    this.#log = log;
  }

  /** @param fallback the answer when none comes in time */
  ask<T>(question: Question, fallback: T): Promise<T> {
    const id = this.#questions++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        this.#log.warn({ event: 'memory-not-answered', question: question.what });
        resolve(fallback);
      }, ANSWER_MS);
      this.#waiting.set(id, (value) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(value as T);
      });
      this.#send(id, question);
    });
  }

  /** The other process has answered. */
  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.(value);
  }
}
