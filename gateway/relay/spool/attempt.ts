import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import type { SpoolRecipient, SpoolState } from './spool-file.ts';

/** RFC 3463 §3.5: delivery time expired. */
const EXPIRED = reply(554, '5.4.7', 'The message could not be delivered in time');

/** A state after one try: recipients that are finished stay finished, so none gets the message again. */
export function applyOutcomes(
  state: SpoolState,
  outcomes: ReadonlyMap<string, TriedOutcome>,
  times: { readonly triedAt: number; readonly nextTryAt: number; readonly counts: boolean },
): SpoolState {
  const recipients = state.recipients.map((recipient): SpoolRecipient => {
    const outcome = outcomes.get(recipient.address);
    if (outcome === undefined || recipient.status !== 'pending') return recipient;
    const status = outcome.kind === 'deferred' ? 'pending' : outcome.kind;
    const attempts = (recipient.attempts ?? 0) + (times.counts ? 1 : 0);
    const remoteMta = outcome.remoteMta ?? recipient.remoteMta;
    return { ...recipient, status, reply: outcome.reply, attempts, nextTryAt: times.nextTryAt, remoteMta };
  });
  const attempts = state.attempts + (times.counts ? 1 : 0);
  return { ...state, attempts, lastTryAt: times.triedAt, nextTryAt: times.nextTryAt, recipients };
}

/** An outcome with the host that gave it. */
export type TriedOutcome = Outcome & { readonly remoteMta?: string | undefined };

/**
 * A state in which the pending recipients have failed, because their time is over. The reply that they wait with stays the
 * diagnosis: it is what the sender wants to know.
 *
 * @param addresses those whose time is over; all when left out
 */
export function expire(state: SpoolState, addresses?: ReadonlySet<string>): SpoolState {
  return {
    ...state,
    recipients: state.recipients.map(
      (r): SpoolRecipient =>
        r.status === 'pending' && addresses?.has(r.address) !== false
          ? { ...r, status: 'failed', reply: expired(r) }
          : r,
    ),
  };
}

function expired({ reply: last }: SpoolRecipient): Reply {
  return last === undefined
    ? EXPIRED
    : { ...EXPIRED, text: `${EXPIRED.text}; the last answer was: ${replyLine(last)}` };
}

/** A state in which everything that was not delivered is tried anew. */
export function restart(state: SpoolState, now: number): SpoolState {
  const { heldBecause: _, ...rest } = state;
  return {
    ...rest,
    attempts: 0,
    nextTryAt: now,
    recipients: state.recipients.map((r): SpoolRecipient => {
      if (r.status === 'delivered') return r;
      return { ...r, status: 'pending', handled: false, attempts: 0, nextTryAt: now };
    }),
  };
}

/** Recipients of one status. */
export function recipientsOf(state: SpoolState, status: SpoolRecipient['status']): SpoolRecipient[] {
  return state.recipients.filter((r) => r.status === status);
}
