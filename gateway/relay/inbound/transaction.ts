import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { StoredRecipient } from '../stores.ts';
import type { Judgement } from './policy/policy.ts';
import type { PolicyNote } from './policy/rule.ts';

/**
 * Who gets the message of one transaction: what the accepted RCPT commands came to, each account once however many
 * aliases led to it (RFC 2033 §4.2: one reply for each RCPT, so none is sent twice).
 */
export interface Transaction {
  /** By lower-cased primary address. */
  readonly accounts: Map<string, StoredRecipient>;
  /** Outside targets of aliases, by address with a lower-cased domain. */
  readonly outside: Map<string, EnvelopeRecipient>;
  /** Octets that the client announced (RFC 1870). */
  readonly sizeBytes: number | undefined;
  /** What policy said of the accepted recipients, each once, for the log. */
  readonly notes: PolicyNote[];
  /** The message is of the house: it may go anywhere, and its sender is not judged by the rules for strangers. */
  readonly origin: Origin | undefined;
  /** The client is in a trusted network: its mail is not authenticated. */
  readonly trusted: boolean;
  /** A rule wants the message in Junk. */
  junk: boolean;
}

/** Who of the house hands a message over. */
export interface Origin {
  readonly kind: 'hub' | 'host' | 'submission';
  /** The reverse-path is of a domain that is hosted here; else the message is sent on for somebody outside. */
  readonly senderIsOurs: boolean;
  /** The id that the hub gave, and the hash of what it sent under it. */
  readonly delivery?: { readonly id: string; readonly sha256: string } | undefined;
}

export function newTransaction(sizeBytes?: number, trusted = false, origin?: Origin): Transaction {
  return { accounts: new Map(), outside: new Map(), sizeBytes, notes: [], trusted, origin, junk: false };
}

/** Keeps what policy said when it accepted a recipient. The message is one, so Junk for one is Junk for all. */
export function noteJudgement(transaction: Transaction, judgement: Judgement): void {
  if (judgement.junk) transaction.junk = true;
  for (const note of judgement.notes) {
    if (!transaction.notes.some((known) => known.rule === note.rule)) transaction.notes.push(note);
  }
}
