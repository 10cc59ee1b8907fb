import type { Placement } from '@postern/shared/delivery/placement.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import { NO_FLAGS } from '../mailstore/flags.ts';
import type { DeliveredMessage, DeliverResult, Delivery, DeliveryTarget, Mailstore } from '../mailstore/mailstore.ts';
import type { ArrivedMessage, LocalRecipient } from './arrived-message.ts';
import { GroupCommit, LOCKED, type Submission } from './group-commit.ts';
import type { ProgramDelivery } from './local-program/program-delivery.ts';
import type { DeliveryRules } from './rules/delivery-rules.ts';

export type { ArrivedMessage, LocalRecipient } from './arrived-message.ts';

/** What became of a message for one account; `reply` is the final reply to its RCPT (RFC 2033 §4.2). */
export type LocalOutcome =
  | {
      readonly kind: 'delivered';
      readonly reply: Reply;
      readonly emailId: string;
      readonly messages: readonly DeliveredMessage[];
    }
  /** The same delivery was done before; its recorded reply is given again. */
  | { readonly kind: 'repeated'; readonly reply: Reply }
  | { readonly kind: 'deferred'; readonly reply: Reply; readonly cause: string; readonly alarm?: boolean }
  | { readonly kind: 'failed'; readonly reply: Reply; readonly cause: string };

/** Replies of local delivery, in one place: docs/life-of-a-message.md lists them. */
export const DELIVERY_REPLIES = {
  delivered: reply(250, '2.0.0', 'Delivered'),
  overQuota: reply(552, '5.2.2', 'The mailbox is full'),
  fault: reply(451, '4.3.0', 'The store cannot keep the message now, try again later'),
  overloaded: reply(451, '4.3.2', 'The store is busy, try again later'),
  late: reply(451, '4.3.2', 'The store could not keep the message in time, try again later'),
  otherBytes: reply(451, '4.3.5', 'This delivery id was used for another message'),
} as const;

export interface LocalDeliveryOptions {
  readonly batchMessages: number;
  readonly maxWaiting: number;
  readonly deadlineMs: number;
}

/** Most accounts whose locks are waited for at a time; each holds a connection of the pool. */
const MAX_LOCKED_ACCOUNTS = 4;

/** A delivery whose rules change under it time and again is tried later. */
const MAX_JUDGEMENTS = 5;

type Submitted = Submission<DeliverResult> & { readonly delivery: Delivery };

function isOutdated(submission: Submission<DeliverResult>): boolean {
  return submission.kind === 'decided' && submission.verdict.kind === 'rules-changed';
}

/** Delivers messages into accounts of this store: decides where a copy goes, and commits it with its neighbours. */
export class LocalDelivery {
  readonly #commits: GroupCommit<Delivery, DeliverResult>;

  readonly #rules: DeliveryRules | undefined;
  readonly #programs: ProgramDelivery | undefined;

  /**
   * @param rules without them everything goes where the gateway wants it
   * @param programs without them shell accounts are like all others
   */
  constructor(mailstore: Mailstore, options: LocalDeliveryOptions, rules?: DeliveryRules, programs?: ProgramDelivery) {
    this.#rules = rules;
    this.#programs = programs;
    this.#commits = new GroupCommit<Delivery, DeliverResult>({
      accountOf: (delivery) => delivery.account.id,
      commitTogether: async (batch) => {
        const results = await mailstore.deliveries.deliver(batch, { lockedAccounts: 'report' });
        return results.map((result) => (result.kind === 'locked' ? LOCKED : result));
      },
      commitAlone: (batch) => mailstore.deliveries.deliver(batch),
      maxBatch: options.batchMessages,
      maxWaiting: options.maxWaiting,
      maxLockedAccounts: MAX_LOCKED_ACCOUNTS,
      deadlineMs: options.deadlineMs,
    });
  }

  /** One message for one account. Never rejects: a fault is `deferred`, and nothing was promised then. */
  async deliver(message: ArrivedMessage, recipient: LocalRecipient): Promise<LocalOutcome> {
    try {
      const plain = deliveryFor(message, recipient);
      let submission =
        (await this.#byProgram(plain, message, recipient)) ?? (await this.#submit(plain, message, recipient));
      for (let n = 1; isOutdated(submission) && n < MAX_JUDGEMENTS; n++) {
        this.#rules?.forget(recipient.account.id);
        submission = await this.#submit(plain, message, recipient);
      }
      if (submission.kind === 'decided') return outcomeOf(submission.verdict, submission.delivery);
      if (submission.kind === 'overloaded') {
        return { kind: 'deferred', reply: DELIVERY_REPLIES.overloaded, cause: 'too many deliveries wait' };
      }
      return { kind: 'deferred', reply: DELIVERY_REPLIES.late, cause: 'the commit did not end within its deadline' };
    } catch (fault) {
      return { kind: 'deferred', reply: DELIVERY_REPLIES.fault, cause: String(fault) };
    }
  }

  /** What the recipient's own program took or refused; undefined when the mailbox has to keep the message. */
  async #byProgram(
    plain: Delivery,
    message: ArrivedMessage,
    recipient: LocalRecipient,
  ): Promise<Submitted | undefined> {
    if (recipient.shell === undefined || this.#programs === undefined) return undefined;
    const delivery = await this.#programs.judge(plain, message, recipient);
    return delivery === plain ? undefined : { ...(await this.#commits.submit(delivery)), delivery };
  }

  async #submit(plain: Delivery, message: ArrivedMessage, recipient: LocalRecipient): Promise<Submitted> {
    const judged = this.#rules?.judge(plain, message, recipient) ?? plain;
    const delivery = judged instanceof Promise ? await judged : judged;
    return { ...(await this.#commits.submit(delivery)), delivery };
  }

  /** Resolves when nothing waits and nothing is under way. */
  drained(): Promise<void> {
    return this.#commits.drained();
  }
}

/** Where a message goes in an account that has no rules of its own: the INBOX, or Junk. */
export function deliveryFor(message: ArrivedMessage, recipient: LocalRecipient): Delivery {
  return {
    key: { peer: message.peer, deliveryId: message.deliveryId, recipient: recipient.address.toLowerCase() },
    account: recipient.account,
    content: message.content,
    sha256: message.receivedSha256,
    into: [targetOf(message.placement)],
    internalDate: message.receivedAt,
    quota: recipient.quota,
    outcome: 'delivered',
    reply: DELIVERY_REPLIES.delivered,
  };
}

/** RFC 6154 §2: Junk is the mailbox with that use, whatever the user calls it; the INBOX when there is none. */
function targetOf(placement: Placement | undefined): DeliveryTarget {
  if (placement === 'junk') return { mailbox: 'Junk', specialUse: '\\Junk', flags: NO_FLAGS };
  return { mailbox: 'INBOX', flags: NO_FLAGS };
}

function outcomeOf(result: DeliverResult, { outcome }: Delivery): LocalOutcome {
  switch (result.kind) {
    case 'delivered':
      if (outcome === 'failed')
        return { kind: 'failed', reply: result.reply, cause: 'refused by the rules of the account' };
      return result;
    case 'repeated':
      return { kind: 'repeated', reply: result.recorded.reply };
    case 'over-quota':
      return { kind: 'failed', reply: DELIVERY_REPLIES.overQuota, cause: 'over quota' };
    case 'conflict':
      return {
        kind: 'deferred',
        reply: DELIVERY_REPLIES.otherBytes,
        cause: 'the delivery id is on record with other bytes',
        alarm: true,
      };
    case 'rules-changed':
      return { kind: 'deferred', reply: DELIVERY_REPLIES.fault, cause: 'the rules of the account changed meanwhile' };
    case 'locked':
      return { kind: 'deferred', reply: DELIVERY_REPLIES.fault, cause: 'the account stayed locked' };
    case 'fault':
      return { kind: 'deferred', reply: DELIVERY_REPLIES.fault, cause: String(result.cause) };
  }
}
