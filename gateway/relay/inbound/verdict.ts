import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';

/** What becomes of a transaction after the store spoke, by the index of its recipients. */
export type Verdict =
  /** Every recipient has it: 250. */
  | { readonly kind: 'delivered' }
  /** Nobody has it and the sender keeps it: that reply. */
  | { readonly kind: 'refused'; readonly reply: Reply }
  /** 250 once the rest is durable in the spool: `deferred` are tried again, `failed` are held (invariant 3). */
  | { readonly kind: 'keep'; readonly deferred: readonly number[]; readonly failed: readonly number[] };

/**
 * One SMTP reply out of many LMTP ones (RFC 2033 §1: SMTP has only one). All delivered is 250, all failed is that
 * refusal. A mailbox that is full for now (4.2.z) is told to the sender as well, as long as it is the word on every recipient: so
 * the message stays where it is accounted for. In all mixes the message is accepted and the spool keeps what is left.
 *
 * @param outcomes one a recipient, at least one
 */
export function combineVerdicts(outcomes: readonly Outcome[]): Verdict {
  const indexes = (kind: Outcome['kind']): number[] => outcomes.flatMap((o, index) => (o.kind === kind ? [index] : []));
  const deferred = indexes('deferred');
  const failed = indexes('failed');
  if (deferred.length === 0 && failed.length === 0) return { kind: 'delivered' };
  if (failed.length === outcomes.length || outcomes.every(isFull)) {
    return { kind: 'refused', reply: outcomes[0]!.reply };
  }
  return { kind: 'keep', deferred, failed };
}

function isFull(outcome: Outcome): boolean {
  return outcome.kind === 'deferred' && outcome.reply.enhanced.startsWith('4.2.');
}
