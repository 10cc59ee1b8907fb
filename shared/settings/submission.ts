import { readJsonObject, type SettingEntry } from './entry.ts';

/** Name of the mailbox in which a client puts what it wants to have sent. */
export const OUTBOX = 'Outbox';

/**
 * `/private/vendor/postern/submission/<client's id>`: writing it starts the sending of a message that lies in the Outbox, reading it tells
 * what became of it, and removing it undoes it as long as nobody has begun. The same id is never sent twice.
 */
export const submission: SettingEntry = {
  name: '/private/vendor/postern/submission/*',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 131_072,
  check: (value) => (readSubmissionRequest(value) === undefined ? 'not a request to send' : undefined),
};

/**
 * Switches the plain old way on for an account (`on`): whatever is put into the Outbox is sent to those whom its header names. Off unless
 * somebody switches it on.
 */
export const outboxSends: SettingEntry = {
  name: '/private/vendor/postern/outbox-sends',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 3,
  check: (value) => (/^(?:on|off)$/.test(value.toString('latin1')) ? undefined : 'neither on nor off'),
};

/** The value that a client writes, as JSON. */
export interface SubmissionRequest {
  /** Of the Outbox, as the client knows it. */
  readonly uidValidity: number;
  readonly uid: number;
  readonly envelope: {
    readonly mailFrom: string;
    readonly rcptTo: readonly SubmissionRecipient[];
    /** RFC 3461. */
    readonly ret?: 'FULL' | 'HDRS' | undefined;
    readonly envid?: string | undefined;
  };
  /** Not before then, in ms since 1970; at once when it is missing. */
  readonly releaseAtMs?: number | undefined;
}

export interface SubmissionRecipient {
  readonly address: string;
  readonly notify?: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[] | undefined;
  /** `rfc822;address`. */
  readonly orcpt?: string | undefined;
}

/** The value that a client reads, as JSON. */
export interface SubmissionState {
  /** `pending`: can be undone; `claimed`: is being sent, or will be tried again; `done`; `cancelled`; `held` by an administrator. */
  readonly state: 'pending' | 'claimed' | 'done' | 'cancelled' | 'held';
  /** Of the queue and the log. */
  readonly id: string;
  /** Where the message lay; undefined for one that was handed over by SMTP with a release time. */
  readonly uidValidity?: number | undefined;
  readonly uid?: number | undefined;
  readonly mailFrom: string;
  readonly createdAtMs: number;
  readonly releaseAtMs: number;
  readonly finishedAtMs?: number | undefined;
  readonly recipients: readonly {
    readonly address: string;
    /** `relayed`: the gateway has it; `expanded`: an alias, others stand in its place. */
    readonly state: 'pending' | 'delivered' | 'relayed' | 'expanded' | 'failed' | 'cancelled';
    /** The last reply, e.g. `550 5.1.1 No such user here`. */
    readonly reply?: string | undefined;
  }[];
}

const MOST_RECIPIENTS = 1_000;
const NOTIFY = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'];

/** Reads what a client wrote; undefined when it is no request. */
export function readSubmissionRequest(value: Buffer): SubmissionRequest | undefined {
  const given = readJsonObject(value) as Partial<SubmissionRequest> | undefined;
  const envelope = given?.envelope;
  if (given === undefined || typeof envelope !== 'object' || envelope === null) return undefined;
  const { mailFrom, rcptTo, ret, envid } = envelope;
  if (!isNumber(given.uidValidity) || !isNumber(given.uid) || !isAddress(mailFrom, true)) return undefined;
  if (!Array.isArray(rcptTo) || rcptTo.length === 0 || rcptTo.length > MOST_RECIPIENTS) return undefined;
  if (!rcptTo.every(isRecipient)) return undefined;
  if (ret !== undefined && ret !== 'FULL' && ret !== 'HDRS') return undefined;
  if (envid !== undefined && (typeof envid !== 'string' || !/^[ -~]{1,100}$/.test(envid))) return undefined;
  if (given.releaseAtMs !== undefined && !isNumber(given.releaseAtMs)) return undefined;
  return {
    uidValidity: given.uidValidity,
    uid: given.uid,
    envelope: { mailFrom, rcptTo, ret, envid },
    releaseAtMs: given.releaseAtMs,
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isAddress(value: unknown, mayBeEmpty: boolean): value is string {
  if (typeof value !== 'string' || value.length > 320 || /[\x00-\x20\x7f<>]/.test(value.replaceAll('" "', '')))
    return false;
  return value === '' ? mayBeEmpty : /.@./.test(value);
}

function isRecipient(value: unknown): value is SubmissionRecipient {
  if (typeof value !== 'object' || value === null) return false;
  const { address, notify, orcpt } = value as Record<string, unknown>;
  if (!isAddress(address, false)) return false;
  if (orcpt !== undefined && (typeof orcpt !== 'string' || !/^[A-Za-z0-9-]{1,20};[^\x00-\x1f\x7f]{1,500}$/.test(orcpt)))
    return false;
  if (notify === undefined) return true;
  if (!Array.isArray(notify) || notify.length === 0 || !notify.every((each) => NOTIFY.includes(each))) return false;
  return !notify.includes('NEVER') || notify.length === 1;
}
