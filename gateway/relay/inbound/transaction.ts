import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';

/**
 * Who gets the message of one transaction: what the accepted RCPT commands came to, each account once however many
 * aliases led to it (RFC 2033 §4.2: one reply for each RCPT, so none is sent twice).
 */
export interface Transaction {
  /** By lower-cased primary address. */
  readonly accounts: Map<string, EnvelopeRecipient>;
  /** Outside targets of aliases, by address with a lower-cased domain. */
  readonly outside: Map<string, EnvelopeRecipient>;
  /** Octets that the client announced (RFC 1870). */
  readonly sizeBytes: number | undefined;
}

export function newTransaction(sizeBytes?: number): Transaction {
  return { accounts: new Map(), outside: new Map(), sizeBytes };
}
