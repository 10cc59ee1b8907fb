import type { Log } from '@postern/shared/runtime/log.ts';
import * as events from '@postern/shared/runtime/mail-events.ts';
import type { Envelope, EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';
import { derivedId } from '../spool/notices.ts';
import type { Spool } from '../spool/spool.ts';

/** An id that a verified peer gave, and the hash of what it sent under it. */
export interface GivenDelivery {
  readonly id: string;
  readonly sha256: string;
}

/** Transactions that one id may have: a peer splits a message of very many recipients. */
const MAX_PARTS = 1_000;
const CONFLICT = reply(451, '4.3.0', 'This delivery id came before with another content');

/**
 * Invariant 2 on the hop from the hub: what was taken under an id is known as long as the spool remembers it, so that a hub that
 * lost our 250 and sends again hears 250 again, and nothing is queued twice. Recipients count one by one: a later transaction
 * of the same id may bring those that the first did not.
 */
export class RepeatedDeliveries {
  readonly #spool: Spool;
  readonly #log: Log;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(spool: Spool, log: Log) {
    this.#spool = spool;
    this.#log = log;
  }

  /** @param deliver makes a message durable for recipients that did not have it, under an id of the spool */
  take(
    given: GivenDelivery,
    envelope: Envelope,
    deliver: (recipients: readonly EnvelopeRecipient[], delivery: GivenDelivery) => Promise<Reply>,
  ): Promise<Reply> {
    // One after the other: a peer that gave up waiting may be here twice.
    const turn = (this.#underWay.get(given.id) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#take(given, envelope, deliver));
    this.#underWay.set(given.id, turn);
    const end = (): void => {
      if (this.#underWay.get(given.id) === turn) this.#underWay.delete(given.id);
    };
    turn.then(end, end);
    return turn;
  }

  async #take(
    { id, sha256 }: GivenDelivery,
    envelope: Envelope,
    deliver: (recipients: readonly EnvelopeRecipient[], delivery: GivenDelivery) => Promise<Reply>,
  ): Promise<Reply> {
    const had = new Set<string>();
    for (let part = 0; part < MAX_PARTS; part++) {
      const spoolId = part === 0 ? id : derivedId(id, `part ${part}`);
      const taken = await this.#spool.findTaken(spoolId);
      if (taken === undefined) {
        const fresh = envelope.recipients.filter(({ address }) => !had.has(address));
        return fresh.length === 0 ? this.#known(id, envelope) : await deliver(fresh, { id: spoolId, sha256 });
      }
      if (taken.receivedSha256 !== sha256) return this.#conflict(id, envelope);
      for (const { address } of taken.state.recipients) had.add(address);
    }
    throw new Error(`more than ${MAX_PARTS} transactions under the id ${id}`);
  }

  #known(id: string, { recipients }: Envelope): Reply {
    this.#log.info({ event: 'repeated', deliveryId: id, to: recipients.map((r) => r.address) });
    return reply(250, '2.0.0', `Ok, queued before as ${id}`);
  }

  #conflict(id: string, { reversePath: from, recipients }: Envelope): Reply {
    for (const { address: to } of recipients) {
      events.deliveryIdConflict(this.#log, { deliveryId: id, from, to, reply: replyLine(CONFLICT) });
    }
    return CONFLICT;
  }
}
