import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import { DIRECTORY_UNKNOWN_REPLY } from '@postern/shared/directory/refusal-reply.ts';
import { maySendAs, type SenderRules } from '@postern/shared/directory/sender-rights.ts';
import { completeMessage, readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { Envelope } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
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

export const NOT_YOUR_ADDRESS: Reply = reply(553, '5.7.1', 'This sender address is not yours');
const NO_AUTHOR = reply(554, '5.6.0', 'The message names no author: From is missing');
const NOT_THE_AUTHOR = reply(553, '5.7.1', 'The address in From is not yours');
const LOOP = reply(554, '5.4.6', 'Too many hops: the message is in a loop');
/** RFC 3463 §3.8: X.7.1 is about policy; 450 has the client try again, when the window has passed. */
const OVER_LIMIT = reply(450, '4.7.1', 'You have sent too much for now, try again later');

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
    return this.#refused(user, reversePath, NOT_YOUR_ADDRESS);
  }

  async take(submission: Submission): Promise<Receipt> {
    const { config, hostname, mailstore, log, onTaken } = this.#parts;
    const { id, sender, envelope, content, trace, releaseAt, clientId, source } = submission;
    const header = readSubmittedHeader(content);
    const refusal = await this.#refusedHeader(sender, header.authors, header.hops);
    if (refusal !== undefined) return { kind: 'refused', ...refusal };
    // Of the sender's domain: the name of a host inside is nobody's business outside.
    const domain = domainOf(header.authors[0]) ?? domainOf(envelope.reversePath) ?? hostname;
    const messageId = header.messageId ?? `<${id}@${domain}>`;
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
      return { kind: 'refused', reply: OVER_LIMIT, cause: `${result.limit} reached (${config.limits[result.limit]})` };
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
    if (authors.length === 0) return { reply: NO_AUTHOR, cause: 'no From' };
    for (const author of new Set(authors)) {
      const refusal = await this.#refused(sender.entry, author, NOT_THE_AUTHOR);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  async #refused(user: Account, address: string, answer: Reply): Promise<{ reply: Reply; cause: string } | undefined> {
    const decision = await maySendAs(this.#senderRules, user, address);
    if (decision.kind === 'allowed') return undefined;
    if (decision.kind === 'unknown') return { reply: DIRECTORY_UNKNOWN_REPLY, cause: decision.cause };
    return { reply: answer, cause: `${user.address} may not send as ${address}` };
  }
}

function domainOf(address = ''): string | undefined {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  // RFC 5322 §3.6.4: the right side of an id is a dot-atom; a literal address is no name.
  return address.includes('@') && /^[a-z0-9.-]+$/.test(domain) ? domain : undefined;
}

function countedAs(sender: Sender): string {
  return sender.kind === 'user' ? `account/${sender.account.id}` : `server/${sender.address}`;
}
