import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../faults/seed.ts';
import { openLmtp } from '../support/lmtp-dialogue.ts';
import type { TestPki } from '../support/pki.ts';
import type { StoreProcess } from '../support/store-process.ts';
import { type Ledger, letter } from './ledger.ts';

const DEADLINE_MS = 120_000;
/** A try that is not answered is given up, as the gateway does; the next one has the same delivery id. */
const TRY_MS = 15_000;
const LANES = 3;

/**
 * Delivers messages as a gateway does: by LMTP, each under its delivery id, to one store after the other until one says 250.
 * A refusal for good is a fault of the test: the recipient exists.
 */
export async function deliverByLmtp(
  stores: readonly StoreProcess[],
  pki: TestPki,
  recipient: string,
  given: { readonly count: number; readonly chance: Chance; readonly ledger: Ledger; readonly from?: string },
): Promise<void> {
  const { count, chance, ledger, from = 'lmtp' } = given;
  const waiting = Array.from({ length: count }, (_, n) => ({
    id: `${from}-${chance.seed}-${n}`,
    deliveryId: Array.from({ length: 32 }, () => chance.int(0, 15).toString(16)).join(''),
  }));
  const deliver = async (store: StoreProcess, { id, deliveryId }: (typeof waiting)[number]): Promise<string> => {
    const lmtp = await openLmtp({ port: store.ready.lmtp, ca: pki.ca, identity: pki.relay });
    const giveUp = setTimeout(() => lmtp.close(), TRY_MS);
    try {
      await lmtp.say('LHLO relay.example');
      await lmtp.say(`MAIL FROM:<a@a.example> XDELIVERYID=${deliveryId}`);
      const accepted = await lmtp.say(`RCPT TO:<${recipient}>`);
      if (!accepted.startsWith('250')) return accepted;
      // The line end of the last line is that of the final dot.
      return (await lmtp.data(letter(id).slice(0, -2), 1))[0] ?? '';
    } finally {
      clearTimeout(giveUp);
      lmtp.close();
    }
  };
  const lane = async (offset: number): Promise<void> => {
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      const deadline = Date.now() + DEADLINE_MS;
      for (let tries = 1; ; tries++) {
        const store = stores[(offset + tries) % stores.length] as StoreProcess;
        const reply = await deliver(store, message).catch((fault: Error) => fault.message);
        if (reply.startsWith('250')) {
          ledger.accepted(message.id);
          break;
        }
        // "I do not know" is never "no such user".
        if (reply.startsWith('5')) throw new Error(`${message.id} was refused for good: ${reply}`);
        ledger.puzzled(reply);
        if (Date.now() > deadline) throw new Error(`${message.id} was never answered 250: ${reply}`);
        await pause(100);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, n) => lane(n)));
}
