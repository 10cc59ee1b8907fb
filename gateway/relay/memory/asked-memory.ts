import type { AddressAnswer } from '@postern/shared/directory/directory.ts';
import type { KnownAddresses, KnownAnswer } from '@postern/shared/directory/known-addresses.ts';
import { AskedProcess } from '@postern/shared/runtime/asked-process.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { ConnectionVerdict } from './connection-counts.ts';
import type { GuessVerdict } from './recipient-guesses.ts';
import type { RateOf, RelayMemory } from './relay-memory.ts';

/** A question to the process that remembers. */
export type MemoryQuestion =
  | { readonly what: 'rate'; readonly of: RateOf; readonly key: string }
  | { readonly what: 'greylist'; readonly network: string; readonly sender: string; readonly recipient: string }
  | { readonly what: 'guesser' | 'enter'; readonly client: string }
  | { readonly what: 'known'; readonly key: string };

/** What it is told, and does not answer. */
export type MemoryNote =
  | { readonly what: 'unknown-recipient' | 'leave'; readonly client: string }
  | { readonly what: 'answer'; readonly key: string; readonly answer: AddressAnswer };

const FREE: GuessVerdict = { kind: 'ask', pauseMs: 0 };

/** The memory of another process, asked by messages. */
export class AskedMemory implements RelayMemory {
  readonly #asked: AskedProcess<MemoryQuestion>;
  readonly #tell: (note: MemoryNote) => void;

  /** @param ask sends a question, whose answer comes to {@link answered} */
  constructor(ask: (id: number, question: MemoryQuestion) => void, tell: (note: MemoryNote) => void, log: Log) {
    this.#asked = new AskedProcess(ask, log);
    this.#tell = tell;
  }

  readonly knownAddresses: KnownAddresses = {
    recall: (key) => this.#asked.ask<KnownAnswer | undefined>({ what: 'known', key }, undefined),
    remember: (key, answer) => {
      if (answer.kind !== 'unknown') this.#tell({ what: 'answer', key, answer });
    },
  };

  takeRate(of: RateOf, key: string): Promise<number> {
    return this.#asked.ask({ what: 'rate', of, key }, 0);
  }

  tryGreylist(network: string, sender: string, recipient: string): Promise<number> {
    return this.#asked.ask({ what: 'greylist', network, sender, recipient }, 0);
  }

  judgeGuesser(client: string): Promise<GuessVerdict> {
    return this.#asked.ask({ what: 'guesser', client }, FREE);
  }

  noteUnknownRecipient(client: string): void {
    this.#tell({ what: 'unknown-recipient', client });
  }

  /** Without an answer the limits of this process alone hold. */
  enterConnection(client: string): Promise<ConnectionVerdict> {
    return this.#asked.ask<ConnectionVerdict>({ what: 'enter', client }, 'free');
  }

  leaveConnection(client: string): void {
    this.#tell({ what: 'leave', client });
  }

  /** The other process has answered. */
  answered(id: number, value: unknown): void {
    this.#asked.answered(id, value);
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
    case 'enter':
      return await memory.enterConnection(question.client);
    case 'known':
      return await memory.knownAddresses.recall(question.key);
  }
}

export function takeNote(memory: RelayMemory, note: MemoryNote): void {
  if (note.what === 'answer') memory.knownAddresses.remember(note.key, note.answer);
  else if (note.what === 'leave') memory.leaveConnection(note.client);
  else memory.noteUnknownRecipient(note.client);
}
