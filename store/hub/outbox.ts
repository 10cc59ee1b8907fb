import { createHash } from 'node:crypto';
import type { Account } from '@postern/shared/directory/directory.ts';
import { readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import {
  OUTBOX,
  outboxSends,
  type SubmissionRequest,
  type SubmissionState,
} from '@postern/shared/settings/submission.ts';
import { replyLine } from '@postern/shared/smtp/reply.ts';
import { DELETED, SEEN } from '../mailstore/flags.ts';
import type {
  ClaimedOutgoing,
  MailboxInfo,
  Mailstore,
  OutgoingDetails,
  StoredAccount,
} from '../mailstore/mailstore.ts';
import { destinationOf, type RoomQuestions, refusedAsFull } from './recipients.ts';
import type { DeskParts, SubmissionDesk } from './submission-desk.ts';
import { innerTrace } from './trace.ts';

/** `code` is one of RFC 5530. */
export type OutboxOutcome = 'done' | { readonly kind: 'refused'; readonly code: string; readonly why: string };

export interface OutboxParts
  extends Pick<DeskParts, 'config' | 'hostname' | 'directory' | 'mailstore' | 'expansion' | 'log'>,
    RoomQuestions {
  readonly desk: SubmissionDesk;
}

const NO_QUOTA = { bytes: 0, messages: 0 };
/** Services either of which lets somebody send from the Outbox. */
const SENDING_SERVICES = ['submission', 'webmail'];

/**
 * Sending without SMTP: a message is put into the Outbox by APPEND, which only stores, and goes when a METADATA entry says so. The client's
 * id of the submission is the key, so that a client which did not hear the answer asks again without harm.
 */
export class Outbox {
  readonly #parts: OutboxParts;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  async submit(account: StoredAccount, clientId: string, request: SubmissionRequest): Promise<OutboxOutcome> {
    const { mailstore, config, hostname, desk } = this.#parts;
    const known = await mailstore.outgoing.findSubmission(account.id, clientId);
    if (known !== undefined) return repeated(known, request);
    const releaseAt = request.releaseAtMs === undefined ? undefined : new Date(request.releaseAtMs);
    if ((releaseAt?.getTime() ?? 0) - Date.now() > config.futureReleaseMs) return refused('LIMIT', 'Too far ahead');
    const { envelope } = request;
    if (envelope.rcptTo.length > config.maxRecipients) return refused('LIMIT', 'Too many recipients');

    const found = await this.#message(account, request);
    if ('kind' in found) return found;
    const entry = await this.#senderEntry(account);
    if ('kind' in entry) return entry;
    const sender = await desk.refusedSender(entry.entry, envelope.mailFrom);
    if (sender !== undefined) return refused(codeOf(sender.reply.code, 'NOPERM'), replyLine(sender.reply));
    for (const { address } of envelope.rcptTo) {
      const destination = await destinationOf(this.#parts.directory, address, this.#parts.expansion);
      const refusal =
        destination.kind === 'found'
          ? await refusedAsFull(this.#parts, destination, found.content.length)
          : destination;
      if (refusal === undefined) continue;
      return refused(codeOf(refusal.reply.code, 'CANNOT'), `<${address}>: ${replyLine(refusal.reply)}`);
    }
    const id = createHash('sha256').update(`outbox/${account.uuid}/${clientId}`).digest('hex').slice(0, 32);
    const { ret, envid, mailFrom, rcptTo } = envelope;
    const receipt = await desk.take({
      id,
      sender: { kind: 'user', account, entry: entry.entry },
      envelope: {
        reversePath: mailFrom,
        recipients: rcptTo,
        body: '8BITMIME',
        smtpUtf8: [mailFrom, ...rcptTo.map(({ address }) => address)].some((address) => /[^\x00-\x7f]/.test(address)),
        ret,
        envid,
      },
      content: found.content,
      trace: innerTrace(hostname, id, new Date()),
      releaseAt,
      clientId,
      source: { mailboxId: found.mailbox.id, uidValidity: request.uidValidity, uid: request.uid },
    });
    if (receipt.kind === 'taken') return 'done';
    return refused(codeOf(receipt.reply.code, 'NOPERM'), replyLine(receipt.reply));
  }

  /** Undoes a submission that nobody has begun to send. */
  async undo(account: StoredAccount, clientId: string): Promise<OutboxOutcome> {
    const { outgoing } = this.#parts.mailstore;
    const known = await outgoing.findSubmission(account.id, clientId);
    if (known === undefined) return 'done';
    const outcome = await outgoing.undo(account.id, known.id);
    return outcome === 'too-late' ? refused('CANNOT', 'It is being sent already') : 'done';
  }

  async states(accountId: number): Promise<{ readonly clientId: string; readonly state: SubmissionState }[]> {
    const all = await this.#parts.mailstore.outgoing.submissions(accountId);
    return all.map((each) => ({ clientId: each.clientId ?? '', state: stateOf(each) }));
  }

  /** The account has the plain old way: what is put into the Outbox goes at once, to whom its header names. */
  async sendsByItself(accountId: number): Promise<boolean> {
    const settings = await this.#parts.mailstore.settings.read(accountId, 0);
    return settings.some(({ entry, value }) => entry === outboxSends.name && value.toString('latin1') === 'on');
  }

  /** Sends what has just been put there; what is refused is taken out again. */
  async sendLanded(account: StoredAccount, mailbox: MailboxInfo, uid: number): Promise<OutboxOutcome> {
    const { mailstore } = this.#parts;
    const found = await this.#message(account, { uidValidity: mailbox.uidValidity, uid });
    if ('kind' in found) return found;
    const { authors, recipients } = readSubmittedHeader(found.content);
    const outcome =
      recipients.length === 0
        ? refused('CANNOT', 'The message names no recipient')
        : await this.submit(account, `landed-${mailbox.uidValidity}-${uid}`, {
            uidValidity: mailbox.uidValidity,
            uid,
            envelope: {
              mailFrom: authors[0] ?? account.address,
              rcptTo: [...new Set(recipients)].map((address) => ({ address })),
            },
          });
    if (outcome !== 'done') await discard(mailstore, mailbox.id, uid);
    return outcome;
  }

  async #message(
    account: StoredAccount,
    { uidValidity, uid }: { readonly uidValidity: number; readonly uid: number },
  ): Promise<{ readonly mailbox: MailboxInfo; readonly content: Buffer } | Exclude<OutboxOutcome, 'done'>> {
    const { mailstore, config } = this.#parts;
    const mailbox = await mailstore.mailboxes.find(account.id, OUTBOX);
    if (mailbox === undefined || mailbox.uidValidity !== uidValidity) return refused('NONEXISTENT', 'No such Outbox');
    for await (const [message] of mailstore.messages.fetch(mailbox.id, [uid], {})) {
      if (message === undefined) break;
      if (message.sizeBytes > config.maxMessageBytes) return refused('LIMIT', 'The message is too large');
      return { mailbox, content: withCrlf(await mailstore.messages.readBody(message.contentId)) };
    }
    return refused('NONEXISTENT', 'No such message in the Outbox');
  }

  async #senderEntry(account: StoredAccount): Promise<{ readonly entry: Account } | Exclude<OutboxOutcome, 'done'>> {
    const answer = await this.#parts.directory.lookUp(account.address);
    if (answer.kind === 'unknown') return refused('UNAVAILABLE', 'The directory does not answer now');
    if (answer.kind !== 'account' || answer.account.uuid !== account.uuid) {
      return refused('NOPERM', 'This account may not send');
    }
    const { services } = answer.account;
    const allowed = services === undefined || services.some((name) => SENDING_SERVICES.includes(name.toLowerCase()));
    return allowed ? { entry: answer.account } : refused('NOPERM', 'This account may not send');
  }
}

/** Puts the Outbox's message into Sent when its sending begins: moved, so that there is one copy, however often this is done. */
export async function fileInSent(mailstore: Mailstore, { source, account }: ClaimedOutgoing): Promise<void> {
  if (source === undefined || account === undefined) return;
  const [status] = await mailstore.mailboxes.status([source.mailboxId]);
  if (status?.uidValidity !== source.uidValidity) return;
  const sent = await sentMailbox(mailstore, account.id);
  if (sent === undefined) return;
  const seen = { how: 'add', flags: { system: SEEN, keywords: [] } } as const;
  await mailstore.messages.storeFlags(source.mailboxId, [source.uid], seen);
  await mailstore.messages.move(source.mailboxId, [source.uid], sent, NO_QUOTA);
}

async function sentMailbox(mailstore: Mailstore, accountId: number): Promise<number | undefined> {
  const all = await mailstore.mailboxes.list(accountId);
  const sent = all.find(({ specialUse }) => specialUse === '\\Sent') ?? all.find(({ name }) => name === 'Sent');
  if (sent !== undefined) return sent.id;
  const created = await mailstore.mailboxes.create(accountId, 'Sent', { specialUse: '\\Sent' });
  return created.kind === 'created' ? created.mailbox.id : undefined;
}

async function discard(mailstore: Mailstore, mailboxId: number, uid: number): Promise<void> {
  await mailstore.messages.storeFlags(mailboxId, [uid], { how: 'add', flags: { system: DELETED, keywords: [] } });
  await mailstore.messages.expunge(mailboxId, [uid]);
}

/** The same id again: harmless if the same message is meant. */
function repeated(known: OutgoingDetails, { uidValidity, uid }: SubmissionRequest): OutboxOutcome {
  const same = known.source?.uid === uid && known.source.uidValidity === uidValidity;
  if (!same) return refused('CANNOT', 'This id was used for another message');
  return known.state === 'cancelled' ? refused('CANNOT', 'This submission was undone') : 'done';
}

function stateOf(details: OutgoingDetails): SubmissionState {
  const { id, state, source, reversePath, createdAt, releaseAt, finishedAt, recipients, attempts } = details;
  return {
    // What waits for another try cannot be undone any more.
    state: state === 'pending' && attempts > 0 ? 'claimed' : state,
    id,
    uidValidity: source?.uidValidity,
    uid: source?.uid,
    mailFrom: reversePath,
    createdAtMs: createdAt.getTime(),
    releaseAtMs: releaseAt.getTime(),
    finishedAtMs: finishedAt?.getTime(),
    recipients: recipients.map(({ address, state: what, reply }) => ({
      address,
      state: what,
      reply: reply === undefined ? undefined : replyLine(reply),
    })),
  };
}

function refused(code: string, why: string): Exclude<OutboxOutcome, 'done'> {
  return { kind: 'refused', code, why };
}

/** What may be tried again is UNAVAILABLE; everything else has a code of its own. */
function codeOf(replyCode: number, permanent: string): string {
  if (replyCode === 450) return 'LIMIT';
  return replyCode < 500 ? 'UNAVAILABLE' : permanent;
}

/** RFC 5321 §2.3.8: on the wire lines end in CRLF; APPEND takes others too. */
function withCrlf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  if (!/\r(?!\n)|(?<!\r)\n/.test(text)) return bytes;
  return Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1');
}
