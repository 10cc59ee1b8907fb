import { KnownAddressesHere } from '@postern/shared/directory/known-addresses.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import type { RelayConfig } from '../config.ts';
import { ConnectionCounts, type ConnectionVerdict } from './connection-counts.ts';
import { GreylistFile } from './greylist-file.ts';
import { type GuessLimits, type GuessVerdict, RecipientGuesses } from './recipient-guesses.ts';
import type { RateOf, RelayMemory } from './relay-memory.ts';
import { type Rate, TokenBuckets } from './token-buckets.ts';

const RATES: readonly RateOf[] = ['address', 'network', 'sender', 'recipient'];

/** The memory of this process, which may be the one that the others ask. */
export class OwnMemory implements RelayMemory {
  readonly knownAddresses: KnownAddressesHere;
  readonly #folder: string;
  readonly #log: Log;
  readonly #buckets = new Map<RateOf, TokenBuckets>();
  readonly #guesses: RecipientGuesses;
  readonly #connections: ConnectionCounts;
  #greylist: GreylistFile | undefined;

  /** The folder of the spool has to be there: the greylist is kept beside it. */
  constructor(config: RelayConfig, log: Log) {
    this.#folder = config.spool.path;
    this.#log = log;
    this.knownAddresses = new KnownAddressesHere(config.recipients.staleMs);
    this.#guesses = new RecipientGuesses(guessLimits(config));
    this.#connections = new ConnectionCounts(config.limits);
    this.update(config);
  }

  /** New settings; what was counted stays. */
  update(config: RelayConfig): void {
    const { rates, greylisting, maxEntries } = config.policy;
    this.knownAddresses.staleMs = config.recipients.staleMs;
    this.#guesses.limits = guessLimits(config);
    this.#connections.limits = config.limits;
    for (const of of RATES) {
      const wanted = rates[of];
      const buckets = this.#buckets.get(of);
      const rate: Rate | undefined = wanted && { ...wanted, burst: wanted.burst ?? wanted.count };
      if (rate === undefined) this.#buckets.delete(of);
      else if (buckets === undefined) this.#buckets.set(of, new TokenBuckets(rate, maxEntries));
      else buckets.rate = rate;
    }
    if (greylisting.enabled) {
      this.#greylist ??= new GreylistFile({ ...greylisting, maxEntries }, this.#folder, this.#log);
      this.#greylist.list.times = greylisting;
    }
  }

  takeRate(of: RateOf, key: string): number {
    return this.#buckets.get(of)?.take(key, performance.now()) ?? 0;
  }

  tryGreylist(network: string, sender: string, recipient: string): number {
    return this.#greylist?.list.try(network, sender, recipient, Date.now()) ?? 0;
  }

  judgeGuesser(client: string): GuessVerdict {
    return this.#guesses.judge(client);
  }

  noteUnknownRecipient(client: string): void {
    this.#guesses.noteUnknown(client);
  }

  enterConnection(client: string): ConnectionVerdict {
    return this.#connections.enter(client);
  }

  leaveConnection(client: string): void {
    this.#connections.leave(client);
  }

  async close(): Promise<void> {
    await this.#greylist?.close();
  }
}

function guessLimits({ recipients }: RelayConfig): GuessLimits {
  return { ...recipients, pauseMs: recipients.tarpitMs, maxPauseMs: recipients.maxTarpitMs };
}
