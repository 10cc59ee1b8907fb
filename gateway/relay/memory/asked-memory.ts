import type { AddressAnswer } from '@postern/shared/directory/directory.ts';
import type { KnownAddresses, KnownAnswer } from '@postern/shared/directory/known-addresses.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { GuessVerdict } from './recipient-guesses.ts';
import type { RateOf, RelayMemory } from './relay-memory.ts';

/** A question to the process that remembers. */
export type MemoryQuestion =
  | { readonly what: 'rate'; readonly of: RateOf; readonly key: string }
  | { readonly what: 'greylist'; readonly network: string; readonly sender: string; readonly recipient: string }
  | { readonly what: 'guesser'; readonly client: string }
  | { readonly what: 'known'; readonly key: string };

/** What it is told, and does not answer. */
export type MemoryNote =
  | { readonly what: 'unknown-recipient'; readonly client: string }
  | { readonly what: 'answer'; readonly key: string; readonly answer: AddressAnswer };

/** Longest that a session waits for the process that remembers; without its word the client is not held up. */
const ANSWER_MS = 2_000;

const FREE: GuessVerdict = { kind: 'ask', pauseMs: 0 };

/** The memory of another process, asked by messages. */
export class AskedMemory implements RelayMemory {
  readonly #ask: (id: number, question: MemoryQuestion) => void;
  readonly #tell: (note: MemoryNote) => void;
  readonly #log: Log;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #questions = 0;

  /** @param ask sends a question, whose answer comes to {@link answered} */
  constructor(ask: (id: number, question: MemoryQuestion) => void, tell: (note: MemoryNote) => void, log: Log) {
    this.#ask = ask;
    this.#tell = tell;
    this.#log = log;
  }

  readonly knownAddresses: KnownAddresses = {
    recall: (key) => this.#question<KnownAnswer | undefined>({ what: 'known', key }, undefined),
    remember: (key, answer) => {
      if (answer.kind !== 'unknown') this.#tell({ what: 'answer', key, answer });
    },
  };

  takeRate(of: RateOf, key: string): Promise<number> {
    return this.#question({ what: 'rate', of, key }, 0);
  }

  tryGreylist(network: string, sender: string, recipient: string): Promise<number> {
    return this.#question({ what: 'greylist', network, sender, recipient }, 0);
  }

  judgeGuesser(client: string): Promise<GuessVerdict> {
    return this.#question({ what: 'guesser', client }, FREE);
  }

  noteUnknownRecipient(client: string): void {
    this.#tell({ what: 'unknown-recipient', client });
  }

  /** The other process has answered. */
  answered(id: number, value: unknown): void {
    this.#waiting.get(id)?.(value);
  }

  #question<T>(question: MemoryQuestion, fallback: T): Promise<T> {
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
      this.#ask(id, question);
    });
  }
}

/** The answer of the process that remembers. */
export async function answerQuestion(memory: RelayMemory, question: MemoryQuestion): Promise<unknown> {
  switch (question.what) {
    case 'rate':
      return await memory.takeRate(question.of, question.key);
    case 'greylist':
      return await memory.tryGreylist(question.network, question.sender, question.recipient);
    case 'guesser':
      return await memory.judgeGuesser(question.client);
    case 'known':
      return await memory.knownAddresses.recall(question.key);
  }
}

export function takeNote(memory: RelayMemory, note: MemoryNote): void {
  if (note.what === 'answer') memory.knownAddresses.remember(note.key, note.answer);
  else memory.noteUnknownRecipient(note.client);
}
