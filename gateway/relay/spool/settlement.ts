import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { applyOutcomes, expire } from './attempt.ts';
import type { Carried, Schedule } from './carrier.ts';
import { mayBeTold, noticeFor, type ReturnRoutes, wantsDelay, wantsSuccess } from './notices.ts';
import { type RefusedLaterOptions, type Remedy, remedyFor } from './refused-later.ts';
import type { Spool, SpooledMessage, SpoolFolder } from './spool.ts';
import type { SpoolEnvelope, SpoolRecipient, SpoolState } from './spool-file.ts';

export interface Attempt {
  /** Undefined when nothing was sent: only time has passed. */
  readonly carried: Carried | undefined;
  readonly triedAt: number;
  readonly nextTryAt: number;
  readonly counts: boolean;
  readonly schedule: Schedule;
}

/** When a sender cannot be told now, because nobody knows where its mail goes. */
const NOTICE_RETRY_MS = 15_000;

/**
 * Writes down what became of a message's recipients, tells its sender what is due, and ends the message with the last of
 * them. What was delivered is durable before anything else is done; a notice has an id of its own that follows from the
 * message's, so that a crash makes no second one.
 */
export class Settlement {
  readonly #spool: Spool;
  readonly #returnRoutes: ReturnRoutes;
  readonly #log: Log;
  #options: RefusedLaterOptions;
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Called with each message of our own that was made durable. */
  onNew: (envelope: SpoolEnvelope, content: readonly Buffer[]) => void = () => undefined;

  constructor(spool: Spool, returnRoutes: ReturnRoutes, log: Log, options: RefusedLaterOptions) {
    this.#spool = spool;
    this.#returnRoutes = returnRoutes;
    this.#log = log;
    this.#options = options;
  }

  /** New settings: what becomes of refusals from now on. */
  update(options: RefusedLaterOptions): void {
    this.#options = options;
  }

  /** When something is due for these recipients although nothing can be sent. */
  ageAt(
    envelope: SpoolEnvelope,
    state: SpoolState,
    recipients: readonly SpoolRecipient[],
    { lifetimeMs, delayWarningMs }: Schedule,
  ): number {
    if (recipients.some(isUnhandled)) return 0;
    const start = state.requeuedAt ?? envelope.receivedAt;
    const warns = delayWarningMs > 0 && mayBeTold(envelope) && recipients.some(wantsDelay);
    return start + Math.min(lifetimeMs, warns ? delayWarningMs : lifetimeMs) + 1;
  }

  /** One after the other for each message: its destinations end at any time. */
  settle(
    message: SpooledMessage,
    recipients: readonly SpoolRecipient[],
    attempt: Attempt,
  ): Promise<{ readonly done: boolean; readonly ageAt: number }> {
    const id = message.envelope.deliveryId;
    const turn = (this.#turns.get(id) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#settle(message, new Set(recipients.map((r) => r.address)), attempt));
    this.#turns.set(id, turn);
    const end = (): void => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    };
    turn.then(end, end);
    return turn;
  }

  async #settle(message: SpooledMessage, mine: ReadonlySet<string>, attempt: Attempt) {
    const { envelope } = message;
    const id = envelope.deliveryId;
    const { carried, schedule } = attempt;
    const before = await this.#stateNow(message, mine);
    if (before === undefined) return this.#noteHeld(id, attempt, 'tell');
    let state = before;
    if (carried !== undefined) {
      state = withReportsPassedOn(applyOutcomes(state, carried.outcomes, attempt), carried.reportsPassedOn);
    }
    const now = Date.now();
    const start = state.requeuedAt ?? envelope.receivedAt;
    if (now - start > schedule.lifetimeMs) state = expire(state, mine);
    if (carried !== undefined || state !== before) this.#tell(envelope, before, state, attempt);

    const isMine = (r: SpoolRecipient): boolean => mine.has(r.address);
    const late = schedule.delayWarningMs > 0 && now - start >= schedule.delayWarningMs && mayBeTold(envelope);
    const isLate = (r: SpoolRecipient): boolean => late && isMine(r) && r.status === 'pending' && wantsDelay(r);
    let noted = message.isFresh !== true;
    if (state.recipients.some((r) => isLate(r) || (isMine(r) && isUnhandled(r)))) {
      noted = true;
      // First what was delivered: should the process die while it writes a notice, nobody gets the message again.
      await this.#spool.update('active', id, state);
      state = await this.#see(message, state, isMine, isLate, start + schedule.lifetimeMs);
    }
    if (!(await this.#keepOrEnd(message, before, state, noted))) return this.#noteHeld(id, attempt, 'was told');
    const left = state.recipients.filter((r) => isMine(r) && isOpen(r));
    const dueAt = left.some(isUnhandled) ? 0 : this.ageAt(envelope, state, left, schedule);
    // What was due and could not be done is tried again a little later.
    const ageAt = dueAt > Date.now() ? dueAt : Date.now() + NOTICE_RETRY_MS;
    return { done: left.length === 0, ageAt };
  }

  /** What is noted of it; undefined when an administrator took it away meanwhile. */
  async #stateNow(
    { envelope, state, isFresh }: SpooledMessage,
    mine: ReadonlySet<string>,
  ): Promise<SpoolState | undefined> {
    // Nobody else notes anything about a message that has one destination.
    if (isFresh === true && state.recipients.every((r) => mine.has(r.address))) return state;
    const entry = await this.#spool.peek('active', envelope.deliveryId);
    return entry?.ok ? entry.value.state : undefined;
  }

  /** An administrator held it while it was being sent: what was delivered is not sent again when it is released. */
  async #noteHeld(
    id: string,
    attempt: Attempt,
    log: 'tell' | 'was told',
  ): Promise<{ readonly done: true; readonly ageAt: number }> {
    const ended = { done: true, ageAt: Number.POSITIVE_INFINITY } as const;
    const entry = await this.#spool.peek('held', id);
    if (!entry?.ok || attempt.carried === undefined) return ended;
    const { envelope, state: before } = entry.value;
    const state = withReportsPassedOn(
      applyOutcomes(before, attempt.carried.outcomes, attempt),
      attempt.carried.reportsPassedOn,
    );
    if (log === 'tell') this.#tell(envelope, before, state, attempt);
    if (state.recipients.some(isOpen)) await this.#spool.update('held', id, state);
    else await this.#end('held', envelope);
    return ended;
  }

  /** Sees to everything that somebody has to be told, and gives the state in which that is noted. */
  async #see(
    message: SpooledMessage,
    state: SpoolState,
    isMine: (r: SpoolRecipient) => boolean,
    isLate: (r: SpoolRecipient) => boolean,
    retryUntilMs: number,
  ): Promise<SpoolState> {
    const { envelope, content } = message;
    const route = await this.#returnRoutes(envelope.reversePath);
    // Nobody knows where it goes: it waits.
    if (route === undefined) return state;
    const about = (action: (r: SpoolRecipient) => boolean): SpoolRecipient[] =>
      state.recipients.filter((r) => isMine(r) && action(r));
    const failed = about((r) => r.status === 'failed' && isUnhandled(r));
    const succeeded = about((r) => r.status === 'delivered' && isUnhandled(r));
    // RFC 3464 §2.3.3: a store answers for the mailbox, a server outside for itself alone.
    const relayed = succeeded.filter((r) => r.route === 'outside');
    const delivered = succeeded.filter((r) => r.route === 'store');
    const late = about(isLate);
    const now = Date.now();
    let heldBecause = state.heldBecause;
    if (failed.length > 0) {
      const remedy = remedyFor(envelope, content, failed, route, this.#options, now);
      await this.#apply(envelope, failed, remedy);
      if (remedy.kind === 'hold') heldBecause = remedy.cause;
    }
    const notices = [
      ['relayed', relayed],
      ['delivered', delivered],
      ['delayed', late],
    ] as const;
    for (const [action, recipients] of notices) {
      if (recipients.length === 0) continue;
      const notice = noticeFor(
        action,
        { envelope, content, recipients, route, nowMs: now, retryUntilMs },
        this.#options,
      );
      if (notice === undefined) continue;
      await this.#add(notice.envelope, notice.content);
      events.noticeMade(this.#log, {
        ...idsOf(envelope),
        from: envelope.reversePath,
        to: recipients.map((r) => r.address),
        action,
        as: notice.envelope.deliveryId,
      });
    }
    const recipients = state.recipients.map((r) => {
      if (isLate(r)) return { ...r, delayTold: true };
      return isMine(r) && isUnhandled(r) ? { ...r, handled: true } : r;
    });
    return { ...state, recipients, ...(heldBecause === undefined ? {} : { heldBecause }) };
  }

  async #apply(envelope: SpoolEnvelope, failed: readonly SpoolRecipient[], remedy: Remedy): Promise<void> {
    const about = { ...idsOf(envelope), from: envelope.reversePath, to: failed.map((r) => r.address) };
    if (remedy.kind === 'hold') events.held(this.#log, { ...about, cause: remedy.cause });
    else if (remedy.kind === 'dropped') events.dropped(this.#log, { ...about, cause: remedy.cause });
    else {
      await this.#add(remedy.envelope, remedy.content);
      events.refusalHandled(this.#log, { ...about, by: remedy.kind, as: remedy.envelope.deliveryId });
    }
  }

  async #add(envelope: SpoolEnvelope, content: readonly Buffer[]): Promise<void> {
    await this.#spool.add('active', envelope, content);
    this.onNew(envelope, content);
  }

  /** Writes the new state down, or ends the message; false when it was not there any more. */
  async #keepOrEnd(
    { envelope }: SpooledMessage,
    before: SpoolState,
    state: SpoolState,
    noted: boolean,
  ): Promise<boolean> {
    const id = envelope.deliveryId;
    if (state.recipients.some(isOpen)) {
      if (state !== before) await this.#spool.update('active', id, state);
      return true;
    }
    if (state.heldBecause === undefined) return await this.#end('active', envelope, noted);
    await this.#spool.move('active', 'held', id, state);
    return true;
  }

  #end(folder: SpoolFolder, { deliveryId, receivedSha256 }: SpoolEnvelope, noted = true): Promise<boolean> {
    return receivedSha256 === undefined
      ? this.#spool.remove(folder, deliveryId, noted)
      : this.#spool.finish(folder, deliveryId, noted);
  }

  #tell(envelope: SpoolEnvelope, before: SpoolState, after: SpoolState, { nextTryAt, carried }: Attempt): void {
    for (const [index, recipient] of after.recipients.entries()) {
      const was = before.recipients[index];
      if (was?.status !== 'pending' || was === recipient) continue;
      const line = recipient.reply === undefined ? '' : replyLine(recipient.reply);
      const e = { ...idsOf(envelope), from: envelope.reversePath, to: recipient.address, reply: line };
      const outcome = carried?.outcomes.get(recipient.address);
      const cause = outcome === undefined || outcome.kind === 'delivered' ? undefined : outcome.cause;
      const next = recipient.route === 'store' ? 'store' : (recipient.remoteMta ?? carried?.next);
      if (recipient.status === 'delivered') events.delivered(this.#log, { ...e, next, tls: carried?.tls });
      else if (recipient.status === 'failed') events.bounced(this.#log, { ...e, cause, dsn: false });
      else events.deferred(this.#log, { ...e, cause, next, nextTryAt: new Date(nextTryAt).toISOString() });
    }
  }
}

/** Not yet delivered or refused, or nobody was told of it. */
export function isOpen(recipient: SpoolRecipient): boolean {
  return recipient.status === 'pending' || isUnhandled(recipient);
}

/** Somebody has yet to be told what became of it. */
export function isUnhandled(r: SpoolRecipient): boolean {
  if (r.handled === true) return false;
  return r.status === 'failed' || (r.status === 'delivered' && wantsSuccess(r));
}

function withReportsPassedOn(state: SpoolState, addresses: ReadonlySet<string>): SpoolState {
  return {
    ...state,
    recipients: state.recipients.map((r) =>
      r.status === 'delivered' && addresses.has(r.address) ? { ...r, handled: true } : r,
    ),
  };
}

function idsOf(envelope: SpoolEnvelope): events.MailIds {
  return { deliveryId: envelope.deliveryId, messageId: envelope.messageId };
}
