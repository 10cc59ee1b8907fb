import { silentLog } from '@postern/shared/runtime/log.ts';
import { NO_FLAGS } from '../../../store/mailstore/flags.ts';
import { openMailstore } from '../../../store/mailstore/mailstore.ts';
import { realisticMessage } from '../../corpus/corpus.ts';
import { ImapWire } from './imap-wire.ts';
import { type ImapSide, MAILBOX } from './tasks.ts';

const OCTETS = 5_000;
const PORTION = 500;

/** Messages `from` up to `to`, each its own; every second one is \Seen. */
function messages(from: number, to: number): Buffer[] {
  return Array.from({ length: to - from }, (_, i) => realisticMessage(OCTETS, from + i + 1));
}

/** Fills the mailbox by MULTIAPPEND (RFC 3502). */
export async function fillByImap(side: ImapSide, count: number): Promise<void> {
  const wire = await ImapWire.connect(side.port, side.host);
  await wire.login(side.user, side.password);
  await wire.command(`CREATE ${MAILBOX}`);
  for (let from = 0; from < count; from += PORTION) {
    const pieces = messages(from, from + PORTION).flatMap((bytes, i) => [
      ` (${(from + i) % 2 === 0 ? '\\Seen' : ''}) {${bytes.length}+}\r\n`,
      bytes,
    ]);
    const { status, tail } = await wire.command(`APPEND ${MAILBOX}`, ...pieces);
    if (status !== 'OK') throw new Error(`filling ${side.name}: ${tail}`);
  }
  wire.close();
}

/** Fills it through the mailstore, past IMAP: the same rows, in large transactions. The account has signed in once. */
export async function fillByMailstore(databaseUrl: string, accountId: number, count: number): Promise<void> {
  const store = await openMailstore({ url: databaseUrl, connections: 4, log: silentLog(), migrate: false });
  try {
    await store.mailboxes.create(accountId, MAILBOX);
    const mailbox = await store.mailboxes.find(accountId, MAILBOX);
    if (mailbox === undefined) throw new Error('the mailbox was not created');
    for (let from = 0; from < count; from += PORTION) {
      const contents = await Promise.all(messages(from, from + PORTION).map((bytes) => store.contents.put(bytes)));
      const appended = contents.map((content, i) => ({
        content,
        flags: { ...NO_FLAGS, system: (from + i) % 2 === 0 ? 1 : 0 },
        internalDate: new Date(Date.UTC(2024, 0, 1) + (from + i) * 60_000),
      }));
      const result = await store.messages.append(mailbox.id, appended, { bytes: 0, messages: 0 });
      if (result.kind !== 'appended') throw new Error(`filling: ${result.kind}`);
    }
  } finally {
    await store.close();
  }
}
