import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import { refusedSender, type SenderRules } from '@postern/shared/directory/sender-rights.ts';
import { completeMessage, messageIdFor, readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { SUBMISSION_REPLIES } from '@postern/shared/smtp/submission-replies.ts';
import type { Mailstore, SendingLimits, StoredAccount, SubmissionSource } from '../mailstore/mailstore.ts';
import type { HubConfig } from './settings.ts';

/** Who hands a message over. */
export type Sender =
  | { readonly kind: 'user'; readonly account: StoredAccount; readonly entry: Account }
  /** A server of a named network, by its address. */
  | { readonly kind: 'server'; readonly address: string };

export interface Submission {
  /** The delivery id, which the sender sees in the 250: 32 hex digits. */
  readonly id: string;
  readonly sender: Sender;
  readonly envelope: Envelope;
  readonly content: Buffer;
  /** Received field of this hop. */
  readonly trace: string;
  readonly releaseAt?: Date | undefined;
  readonly clientId?: string | undefined;
  readonly source?: SubmissionSource | undefined;
}

export type Receipt =
  | { readonly kind: 'taken'; readonly id: string; readonly messageId: string | undefined; readonly bytes: number }
  | { readonly kind: 'refused'; readonly reply: Reply; readonly cause: string };

export interface DeskParts {
  readonly config: HubConfig;
  readonly hostname: string;
  readonly directory: Directory;
  readonly mailstore: Mailstore;
  readonly expansion: ExpansionLimits;
  readonly log: Log;
  /** Something is in the queue. */
  readonly onTaken: () => void;
}

const LOOP = reply(554, '5.4.6', 'Too many hops: the message is in a loop');

/**
 * Where every submission ends, by whatever way it comes: the author is checked, the header completed, and the message committed to the
 * queue. When `take` has resolved with `taken`, the promise of invariant 1 is given.
 */
export class SubmissionDesk {
  readonly #parts: DeskParts;
  readonly #senderRules: SenderRules;

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#senderRules = {
      directory: parts.directory,
      expansion: parts.expansion,
      delegates: parts.config.delegates,
    };
  }

  /** Undefined: the reverse-path may be used. The null one always may: reports of mail programs have it (RFC 8098 §3). */
  async refusedSender(user: Account, reversePath: string): Promise<{ reply: Reply; cause: string } | undefined> {
    if (reversePath === '') return undefined;
    return refusedSender(this.#senderRules, user, reversePath, SUBMISSION_REPLIES.notYourAddress);
  }

  async take(submission: Submission): Promise<Receipt> {
    const { config, hostname, mailstore, log, onTaken } = this.#parts;
    const { id, sender, envelope, content, trace, releaseAt, clientId, source } = submission;
    const header = readSubmittedHeader(content);
    const refusal = await this.#refusedHeader(sender, header.authors, header.hops);
    if (refusal !== undefined) return { kind: 'refused', ...refusal };
    const messageId = header.messageId ?? messageIdFor(id, [header.authors[0], envelope.reversePath], hostname);
    const complete = completeMessage(content, { trace, messageId, nowMs: Date.now() });
    const result = await mailstore.outgoing.submit({
      id,
      account: sender.kind === 'user' ? sender.account : undefined,
      clientId,
      source,
      message: {
        cause: 'submission',
        reversePath: envelope.reversePath,
        recipients: envelope.recipients,
        content: await mailstore.contents.put(complete),
        body: envelope.body,
        smtpUtf8: envelope.smtpUtf8,
        requireTls: envelope.requireTls,
        ret: envelope.ret,
        envid: envelope.envid,
        releaseAt,
      },
      countedAs: countedAs(sender),
      limits: this.#limitsOf(sender),
    });
    if (result.kind === 'over-limit') {
      const who = sender.kind === 'user' ? sender.account.address : sender.address;
      events.sendingLimitReached(log, {
        deliveryId: id,
        messageId,
        sender: who,
        limit: result.limit,
        from: envelope.reversePath,
      });
      return {
        kind: 'refused',
        reply: SUBMISSION_REPLIES.overLimit,
        cause: `${result.limit} reached (${config.limits[result.limit]})`,
      };
    }
    onTaken();
    return { kind: 'taken', id: result.kind === 'known' ? result.id : id, messageId, bytes: complete.length };
  }

  #limitsOf(sender: Sender): SendingLimits {
    const { config } = this.#parts;
    return sender.kind === 'user' ? config.limits : (config.intranet?.limits ?? config.limits);
  }

  /** RFC 6409 §6.1, for the header: whoever reads the message believes From, not the envelope. */
  async #refusedHeader(
    sender: Sender,
    authors: readonly string[],
    hops: number,
  ): Promise<{ reply: Reply; cause: string } | undefined> {
    if (hops > this.#parts.config.maxHops) return { reply: LOOP, cause: `${hops} Received fields` };
    if (sender.kind === 'server') return undefined;
    if (authors.length === 0) return { reply: SUBMISSION_REPLIES.noAuthor, cause: 'no From' };
    for (const author of new Set(authors)) {
      const refusal = await refusedSender(this.#senderRules, sender.entry, author, SUBMISSION_REPLIES.notTheAuthor);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }
}

function countedAs(sender: Sender): string {
  return sender.kind === 'user' ? `account/${sender.account.id}` : `server/${sender.address}`;
}
