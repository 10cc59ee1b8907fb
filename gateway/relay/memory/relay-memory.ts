import type { KnownAddresses } from '@postern/shared/directory/known-addresses.ts';
import type { ConnectionVerdict } from './connection-counts.ts';
import type { GuessVerdict } from './recipient-guesses.ts';

/** Whose messages a rate counts. */
export type RateOf = 'address' | 'network' | 'sender' | 'recipient';

type Awaitable<T> = T | Promise<T>;

/**
 * What the relay remembers of clients and addresses from one session to the next. All its processes share one, so that a limit is
 * the same limit whichever of them a client meets; it outlives a change of settings.
 */
export interface RelayMemory {
  /** Takes one message of the rate; 0, or the milliseconds until there is one again. */
  takeRate(of: RateOf, key: string): Awaitable<number>;
  /** Milliseconds that a stranger has to wait; 0 when this try passes (RFC 6647). */
  tryGreylist(network: string, sender: string, recipient: string): Awaitable<number>;
  /** What the client's next RCPT meets. */
  judgeGuesser(client: string): Awaitable<GuessVerdict>;
  noteUnknownRecipient(client: string): void;
  /** Counts a session in; {@link leaveConnection} follows, whatever the verdict. */
  enterConnection(client: string): Awaitable<ConnectionVerdict>;
  leaveConnection(client: string): void;
  readonly knownAddresses: KnownAddresses;
}
