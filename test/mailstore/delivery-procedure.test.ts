import { createConnection } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { DELETED, SEEN } from '../../store/mailstore/flags.ts';
import type { DeliverResult, Delivery, Mailstore, StoredAccount } from '../../store/mailstore/mailstore.ts';
import { delivery, fetchAll, mail, mailboxId, newAccount, useMailstores } from './some-mailstore.ts';
import { ask, calls, rowsOf } from './stored-rows.ts';

const stores = useMailstores();

async function deliverOne(
  store: Mailstore,
  account: StoredAccount,
  message: Buffer,
  more: Partial<Delivery> = {},
): Promise<[DeliverResult | undefined, Delivery]> {
  const content = await store.contents.arrived(message);
  const one = await delivery(store, account, mail('left alone'), { content, ...more });
  const [result] = await store.deliveries.deliver([one]);
  return [result, one];
}

const into = (mailbox: string, system: number, create = false) => ({
  into: [{ mailbox, flags: { system, keywords: [] }, create }],
});

describe('a delivery that comes alone', () => {
  it('is judged under the lock like others: repeated, conflict, over quota, other rules, a locked account', async () => {
    const store = await stores.open();
    const account = await newAccount(store);
    const message = mail('Once');
    const [delivered, one] = await deliverOne(store, account, message);
    expect(delivered).toMatchObject({ kind: 'delivered', messages: [{ mailbox: 'INBOX', uid: 1 }] });
    expect(await deliverOne(store, account, message, { key: one.key })).toMatchObject([{ kind: 'repeated' }, {}]);
    expect(await deliverOne(store, account, mail('Twice'), { key: one.key })).toMatchObject([{ kind: 'conflict' }, {}]);
    const full = { quota: { bytes: 0, messages: 1 } };
    expect(await deliverOne(store, account, mail('Full'), full)).toMatchObject([{ kind: 'over-quota' }, {}]);
    const rules = { version: 7, remember: [] };
    expect(await deliverOne(store, account, mail('Rules'), { rules })).toMatchObject([{ kind: 'rules-changed' }, {}]);

    const holder = await createConnection(stores.url);
    await holder.beginTransaction();
    await holder.query('SELECT 1 FROM account WHERE id = ? FOR UPDATE', [account.id]);
    const content = await store.contents.arrived(mail('Waits'));
    const waits = await delivery(store, account, message, { content });
    expect(await store.deliveries.deliver([waits], { lockedAccounts: 'report' })).toEqual([{ kind: 'locked' }]);
    const patient = store.deliveries.deliver([waits]);
    await holder.commit();
    await holder.end();
    expect(await patient).toMatchObject([{ kind: 'delivered', messages: [{ uid: 2 }] }]);
  });

  it('leaves the same rows by the procedure as by statements, and goes on without the procedure', async () => {
    const store = await stores.open();
    const first = mail('One', `${Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')}\r\n`);
    const steps: [Buffer, Partial<Delivery>][] = [
      [first, into('INBOX', 0)],
      [mail('Two', 'x\r\n', 'References: <a@b.example> <c@d.example>\r\n'), into('Archive', SEEN)],
      [first, into('INBOX', SEEN | DELETED)],
      [mail('Three', 'y\r\n', 'In-Reply-To: <c@d.example>\r\n'), { ...into('Junk', 0), outcome: 'delivered' }],
      // There is no such mailbox: the statements decide what becomes of it.
      [mail('Four'), into('Not there', 0)],
      [mail('Five'), into('Made for it', 0, true)],
    ];
    const run = async (account: StoredAccount): Promise<unknown[]> => {
      const told: unknown[] = [];
      for (const [message, more] of steps) {
        const [result] = await deliverOne(store, account, message, more);
        if (result?.kind !== 'delivered') throw new Error(String(result?.kind));
        told.push([
          result.emailId,
          result.reply,
          result.messages.map(({ mailbox, uid, modSeq }) => [mailbox, uid, modSeq]),
        ]);
      }
      return told;
    };
    const one = await newAccount(store);
    const before = await calls(stores.url);
    const byProcedure = await run(one);
    expect((await calls(stores.url)) - before).toBe(steps.length);
    await ask(stores.url, 'DROP PROCEDURE deliver_message');
    const other = await newAccount(store);
    expect(await run(other)).toEqual(byProcedure);
    expect(await rowsOf(stores.url, one.id)).toEqual(await rowsOf(stores.url, other.id));
    const [fetched] = await fetchAll(store, await mailboxId(store, one, 'INBOX'), [1], { body: true });
    expect(fetched?.body).toEqual(first);
    const problems: unknown[] = [];
    await store.maintenance.verify({ repair: false, bodies: true }, (problem) => problems.push(problem));
    expect(problems).toEqual([]);
  });
});
