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

/** Sees each event as it is written: for metrics, so that they and the log never differ. */
export type MailEventObserver = (event: string, fields: Readonly<Record<string, unknown>>) => void;

let observe: MailEventObserver = () => undefined;

/** Sets the one observer of this process. */
export function observeMailEvents(observer: MailEventObserver): void {
  observe = observer;
}

function write(log: Log, level: 'info' | 'warn' | 'error', event: string, e: object): void {
  log[level]({ event, ...e });
  observe(event, { ...e });
}

/** What a rule of the gateway's policy said of a message or its sender, and why. */
export interface PolicyNote {
  readonly rule: string;
  readonly verdict: string;
  readonly reason?: string | undefined;
}

/** A peer connected. */
export function connected(log: Log, e: MailIds & { service: string; client: string; clientPort?: number }): void {
  write(log, 'info', 'connected', e);
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
    /** Which rule refused it, if one did; the last one is decisive. */
    policy?: readonly PolicyNote[] | undefined;
  },
): void {
  write(log, 'info', 'refused', e);
}

/** A transaction was answered 250: the promise of invariant 1 was given. */
export function accepted(
  log: Log,
  e: MailIds & {
    service: string;
    client?: string;
    from: string;
    to: readonly string[];
    bytes: number;
    tookMs: number;
    /** What the peer heard. */
    reply?: string | undefined;
    policy?: readonly PolicyNote[] | undefined;
    /** `junk` or `quarantine`, when it does not go to the INBOX. */
    placement?: string | undefined;
  },
): void {
  write(log, 'info', 'accepted', e);
}

/** The message was made durable in the relay's spool. */
export function spooled(
  log: Log,
  e: MailIds & { from: string; to: readonly string[]; bytes: number; cause: string },
): void {
  write(log, 'info', 'spooled', e);
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
    /** How the hop was protected, e.g. `TLSv1.3 dane`. */
    tls?: string | undefined;
  },
): void {
  write(log, 'info', 'delivered', e);
}

/** One recipient's copy has to wait. */
export function deferred(
  log: Log,
  e: MailIds & {
    from: string;
    to: string;
    reply: string;
    cause?: string | undefined;
    next?: string | undefined;
    nextTryAt?: string | undefined;
  },
): void {
  write(log, 'warn', 'deferred', e);
}

/** Alarm: a delivery id came again with other bytes. One of the two messages is not what its sender made. */
export function deliveryIdConflict(log: Log, e: MailIds & { from: string; to: string; reply: string }): void {
  write(log, 'error', 'delivery-id-conflict', e);
}

/** One recipient was refused for good after acceptance. */
export function bounced(
  log: Log,
  e: MailIds & { from: string; to: string; reply: string; cause?: string | undefined; dsn: boolean },
): void {
  write(log, 'warn', 'bounced', e);
}

/** A user signed in (or not); `why` is for the log alone. */
export function signedIn(log: Log, e: { session?: string; service: string; client: string; user: string }): void {
  write(log, 'info', 'signed-in', e);
}

export function signInRefused(
  log: Log,
  e: { session?: string; service: string; client: string; user: string; why: string },
): void {
  write(log, 'info', 'sign-in-refused', e);
}

/** A session was ended because the directory would not let it in any more. */
export function signInEnded(log: Log, e: { session: string; service: string; user: string; why: string }): void {
  write(log, 'info', 'sign-in-ended', e);
}

/** A sender has sent more than allowed, and hears 450 until the window has passed; `limit` names the setting. */
export function sendingLimitReached(log: Log, e: MailIds & { sender: string; from: string; limit: string }): void {
  write(log, 'warn', 'sending-limit-reached', e);
}

/** A sender is told of a delay, a delivery or a failure by a DSN (RFC 3464) of this queue id. */
export function deliveryStatusSent(
  log: Log,
  e: MailIds & { to: string; action: string; recipients: readonly string[] },
): void {
  write(log, 'info', 'delivery-status-sent', e);
}

/** What was refused after acceptance became a message of its own: a DSN, or a copy in the quarantine mailbox. */
export function refusalHandled(
  log: Log,
  e: MailIds & { from: string; to: readonly string[]; by: 'dsn' | 'quarantine'; as: string },
): void {
  write(log, 'warn', 'refusal-handled', e);
}

/** A sender is told that its message waits, or was passed on to a server that confirms nothing. */
export function noticeMade(
  log: Log,
  e: MailIds & { from: string; to: readonly string[]; action: 'delayed' | 'relayed' | 'delivered'; as: string },
): void {
  write(log, 'info', 'notice-made', e);
}

/** A message ends undelivered, and nobody is told: its sender is null, or asked for silence. */
export function dropped(log: Log, e: MailIds & { from: string; to: readonly string[]; cause: string }): void {
  write(log, 'warn', 'dropped', e);
}

/** A copy is kept in the spool's held folder until an administrator decides about it. */
export function held(log: Log, e: MailIds & { from: string; to: readonly string[]; cause: string }): void {
  write(log, 'warn', 'held', e);
}

/** A user removed messages by POP3. */
export function messagesRemoved(
  log: Log,
  e: { session: string; service: string; user: string; messages: number },
): void {
  write(log, 'info', 'messages-removed', e);
}

/** A user changed the Sieve scripts of an account. */
export function scriptChanged(log: Log, e: { session: string; user: string; script: string; how: string }): void {
  write(log, 'info', 'script-changed', e);
}

/** A recipient's own program got the message: what became of it, by its exit status. */
export function programRan(
  log: Log,
  e: MailIds & { to: string; user: string; verdict: string; cause?: string | undefined },
): void {
  write(log, 'info', 'program-ran', e);
}
