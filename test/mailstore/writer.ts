import { silentLog } from '@postern/shared/runtime/log.ts';
import { NO_FLAGS, SEEN } from '../../store/mailstore/flags.ts';
import { CommitOutcomeUnknown, openMailstore } from '../../store/mailstore/mailstore.ts';
import { letter, NO_QUOTA, someDelivery } from '../support/mailstore.ts';

/**
 * One of several processes that write to one mailbox: `node writer.ts URL UUID ADDRESS ROUNDS`. Prints what each write was told, as
 * JSON: new messages by UID and mod-sequence, in the order in which this process got them. A cluster may leave the outcome of a
 * COMMIT open: `recorded` counts deliveries that were found on record then, `open` the writes of which nobody can tell.
 */
const [, , url = '', uuid = '', address = '', rounds = '0'] = process.argv;
const store = await openMailstore({ url, connections: 4, log: silentLog(), migrate: false });
const ensured = await store.accounts.ensure({ uuid, address });
if (ensured.kind !== 'ready') throw new Error(ensured.kind);
const { account } = ensured;
const inbox = (await store.mailboxes.find(account.id, 'INBOX'))?.id ?? 0;
const told: { uid: number; modSeq: number }[] = [];
const faults: string[] = [];
let recorded = 0;
let open = 0;
for (let round = 0; round < Number(rounds); round++) {
  const results = await store.deliveries.deliver([
    await someDelivery(store, account),
    await someDelivery(store, account),
  ]);
  for (const result of results) {
    if (result.kind === 'delivered') told.push(...result.messages.map(({ uid, modSeq }) => ({ uid, modSeq })));
    else if (result.kind === 'repeated') recorded++;
    else faults.push(result.kind === 'fault' ? String(result.cause) : result.kind);
  }
  const content = await store.contents.arrived(letter(`appended in round ${round}`));
  const message = { content, flags: NO_FLAGS, internalDate: new Date() };
  const appended = await orOpen(store.messages.append(inbox, [message], NO_QUOTA));
  if (appended === undefined) open++;
  else if (appended.kind === 'appended') told.push({ uid: appended.uids[0] ?? 0, modSeq: appended.modSeq });
  else faults.push(appended.kind);
  const some = told.slice(-3).map((m) => m.uid);
  const flags = { system: SEEN, keywords: [`p${process.pid}`] };
  // Setting flags again is harmless, so an open outcome is settled by doing it again.
  const set = () => orOpen(store.messages.storeFlags(inbox, some, { how: 'add', flags }));
  if ((await set()) === undefined) await set();
  const copied = await orOpen(store.messages.copy(inbox, some.slice(0, 1), inbox, NO_QUOTA));
  if (copied === undefined) open++;
  else if (copied.kind === 'copied') told.push({ uid: copied.destinationUids[0] ?? 0, modSeq: 0 });
  else faults.push(copied.kind);
}
await store.close();
process.stdout.write(JSON.stringify({ told, faults, recorded, open }));

async function orOpen<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (fault) {
    if (fault instanceof CommitOutcomeUnknown) return undefined;
    throw fault;
  }
}
