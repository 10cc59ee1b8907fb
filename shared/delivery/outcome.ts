import { isPositive, isTransient, type Reply } from '../smtp/reply.ts';

/**
 * What became of one recipient of one message. Every expected outcome is one of these values; exceptions are for
 * faults alone. `reply` is what the peer may be told; `cause` is for the log.
 */
export type Outcome =
  | { readonly kind: 'delivered'; readonly reply: Reply }
  | { readonly kind: 'deferred'; readonly reply: Reply; readonly cause?: string | undefined }
  | { readonly kind: 'failed'; readonly reply: Reply; readonly cause?: string | undefined };

/** Classifies a final reply by RFC 5321 §4.2.1. */
export function outcomeOfReply(reply: Reply, cause?: string): Outcome {
  if (isPositive(reply)) return { kind: 'delivered', reply };
  if (isTransient(reply)) return { kind: 'deferred', reply, cause };
  return { kind: 'failed', reply, cause };
}
