import { silentLog } from '@postern/shared/runtime/log.ts';
import { openMailstore } from '../../store/mailstore/mailstore.ts';

/** A process that asks for an account's INBOX whenever its parent says so: `node lease-holder.ts URL ACCOUNT`. It tells UIDNEXT. */
const [, , url = '', accountId = '0'] = process.argv;
const store = await openMailstore({ url, connections: 3, log: silentLog(), migrate: false, leaseAccounts: true });
process.on('message', () => {
  void store.mailboxes
    .find(Number(accountId), 'INBOX')
    .then((found) => process.send?.({ uidNext: found?.counters.uidNext }));
});
process.once('disconnect', () => void store.close());
process.send?.({ ready: true });
