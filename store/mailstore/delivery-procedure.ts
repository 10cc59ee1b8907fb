import type { ChangeNotices } from './changes.ts';
import type { Database, SqlValue } from './database.ts';
import { asksForUse, asksMemory } from './delivery-contents.ts';
import { canonicalMailboxName, mailboxNameHash } from './mailbox-name.ts';
import type { DeliverResult, Delivery } from './mailstore.ts';
import { commonParameters, messageParameters } from './message-parameters.ts';
import { emailIdText } from './message-rows.ts';
import { Procedure } from './procedure.ts';
import { replyColumn } from './reply-column.ts';

/** A delivery that comes alone, committed by one CALL: the transaction of {@link BatchDelivery} for one message into one mailbox. */
export class DeliveryProcedure {
  readonly #procedure: Procedure;
  readonly #notices: ChangeNotices;
  readonly #holder: number;

  constructor(database: Database, notices: ChangeNotices) {
    this.#procedure = new Procedure(database, 'deliver_message');
    this.#notices = notices;
    this.#holder = database.writes.holder;
  }

  /**
   * Undefined when nothing was done, and the statements shall have a try: the account is locked or leased to another process, the delivery is on record, or it is not for a procedure.
   *
   * @throws CommitOutcomeUnknown when the answer did not come
   */
  async deliver(delivery: Delivery): Promise<DeliverResult | undefined> {
    const values = this.#procedure.isThere ? parametersOf(delivery, this.#holder) : undefined;
    const row = values && (await this.#procedure.call(delivery.account.id, values));
    if (row === undefined || row[0] === 'other') return undefined;
    if (row[0] === 'over-quota') return { kind: 'over-quota' };
    const [, mailboxId, mailbox, uidValidity, uid, modSeq, emailNo] = row as [
      string,
      number,
      string,
      number,
      number,
      number,
      number,
    ];
    const accountId = delivery.account.id;
    this.#notices.announce({ accountId, mailboxId, modSeq });
    const messages = [{ mailboxId, mailbox, uidValidity, uid, modSeq }];
    return { kind: 'delivered', reply: delivery.reply, emailId: emailIdText(emailNo), messages };
  }
}

/** In the order of the procedure's parameters; undefined when it is not for such a delivery. */
function parametersOf(delivery: Delivery, holder: number): SqlValue[] | undefined {
  const { key, account, content, into, internalDate, quota, outcome, reply, outgoing = [], rules } = delivery;
  const [target] = into;
  if (target === undefined || into.length > 1 || outgoing.length > 0) return undefined;
  if (asksForUse(delivery) || asksMemory(delivery) || rules?.error !== undefined) return undefined;
  const now = Date.now();
  const message = messageParameters(content, target.flags, internalDate, now);
  return (
    message && [
      ...[key.peer, Buffer.from(key.deliveryId, 'hex'), key.recipient, delivery.sha256 ?? content.sha256],
      ...[outcome, replyColumn(reply), rules?.version ?? null],
      ...[account.id, mailboxNameHash(canonicalMailboxName(target.mailbox))],
      ...commonParameters(holder, quota, now),
      ...message,
    ]
  );
}
