import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import type { SpoolRecipient, SpoolState } from './spool-file.ts';

/** RFC 3463 §3.5: delivery time expired. */
const EXPIRED = reply(554, '5.4.7', 'The message could not be delivered in time');

/** A state after one try: recipients that are finished stay finished, so none gets the message again. */
export function applyOutcomes(
  state: SpoolState,
  outcomes: ReadonlyMap<SpoolRecipient, Outcome>,
  times: { readonly triedAt: number; readonly nextTryAt: number; readonly counts: boolean },
): SpoolState {
  return {
    ...state,
    attempts: state.attempts + (times.counts ? 1 : 0),
    lastTryAt: times.triedAt,
    nextTryAt: times.nextTryAt,
    recipients: state.recipients.map((recipient) => {
      const outcome = outcomes.get(recipient);
      if (outcome === undefined || recipient.status !== 'pending') return recipient;
      const status = outcome.kind === 'deferred' ? 'pending' : outcome.kind;
      return { ...recipient, status, reply: outcome.reply };
    }),
  };
}

/** A state of which nothing is pending any more, because its time is over. */
export function expire(state: SpoolState): SpoolState {
  return {
    ...state,
    recipients: state.recipients.map((r) => (r.status === 'pending' ? { ...r, status: 'failed', reply: EXPIRED } : r)),
  };
}

/** A state in which everything that was not delivered is tried anew. */
export function restart(state: SpoolState, now: number): SpoolState {
  const { heldBecause: _, ...rest } = state;
  return {
    ...rest,
    attempts: 0,
    nextTryAt: now,
    recipients: state.recipients.map((r) => (r.status === 'failed' ? { ...r, status: 'pending' } : r)),
  };
}

/** Recipients of one status. */
export function recipientsOf(state: SpoolState, status: SpoolRecipient['status']): SpoolRecipient[] {
  return state.recipients.filter((r) => r.status === status);
}
