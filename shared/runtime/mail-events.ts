import type { Log } from './log.ts';

/**
 * The events of a message's life, one function each, so that both tiers write them alike and `postern trace` can join
 * them. Every line has `event`, and the ids known at that point: `session` (one connection), `deliveryId` (one accepted
 * transaction, the queue id), `messageId` (the header). Addresses are logged, contents never (invariant 8).
 */
export interface MailIds {
  readonly session?: string | undefined;
  readonly deliveryId?: string | undefined;
  readonly messageId?: string | undefined;
}

/** A peer connected. */
export function connected(log: Log, e: MailIds & { service: string; client: string; clientPort?: number }): void {
  log.info({ event: 'connected', ...e });
}

/** Something was refused: `stage` is connect, helo, mail, rcpt, data, content, auth; `reply` is what the peer heard. */
export function refused(
  log: Log,
  e: MailIds & {
    service: string;
    client?: string | undefined;
    stage: string;
    reply: string;
    cause?: string | undefined;
    from?: string | undefined;
    to?: string | undefined;
  },
): void {
  log.info({ event: 'refused', ...e });
}

/** A transaction was answered 250: the promise of invariant 1 was given. */
export function accepted(
  log: Log,
  e: MailIds & { service: string; client?: string; from: string; to: readonly string[]; bytes: number; tookMs: number },
): void {
  log.info({ event: 'accepted', ...e });
}

/** The message was made durable in the relay's spool. */
export function spooled(
  log: Log,
  e: MailIds & { from: string; to: readonly string[]; bytes: number; cause: string },
): void {
  log.info({ event: 'spooled', ...e });
}

/** One recipient's copy reached its end: `mailbox` in the store, `next` on a hop. */
export function delivered(
  log: Log,
  e: MailIds & {
    from: string;
    to: string;
    reply: string;
    next?: string | undefined;
    mailbox?: string | undefined;
    uid?: number | undefined;
    emailId?: string | undefined;
    bytes?: number | undefined;
    tookMs?: number | undefined;
    duplicate?: boolean | undefined;
  },
): void {
  log.info({ event: 'delivered', ...e });
}

/** One recipient's copy has to wait. */
export function deferred(
  log: Log,
  e: MailIds & { from: string; to: string; reply: string; cause?: string | undefined; nextTryAt?: string | undefined },
): void {
  log.warn({ event: 'deferred', ...e });
}

/** Alarm: a delivery id came again with other bytes. One of the two messages is not what its sender made. */
export function deliveryIdConflict(log: Log, e: MailIds & { from: string; to: string; reply: string }): void {
  log.error({ event: 'delivery-id-conflict', ...e });
}

/** One recipient was refused for good after acceptance. */
export function bounced(
  log: Log,
  e: MailIds & { from: string; to: string; reply: string; cause?: string | undefined; dsn: boolean },
): void {
  log.warn({ event: 'bounced', ...e });
}

/** A user signed in (or not); `why` is for the log alone. */
export function signedIn(log: Log, e: { session?: string; service: string; client: string; user: string }): void {
  log.info({ event: 'signed-in', ...e });
}

export function signInRefused(
  log: Log,
  e: { session?: string; service: string; client: string; user: string; why: string },
): void {
  log.info({ event: 'sign-in-refused', ...e });
}

/** A copy is kept in the spool's held folder until an administrator decides about it. */
export function held(log: Log, e: MailIds & { from: string; to: readonly string[]; cause: string }): void {
  log.warn({ event: 'held', ...e });
}
