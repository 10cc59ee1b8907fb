import { silentLog } from '@postern/shared/runtime/log.ts';
import { NO_FLAGS, SEEN } from '../../../store/mailstore/flags.ts';
import { openMailstore } from '../../../store/mailstore/mailstore.ts';
import { realisticMessage } from '../../corpus/corpus.ts';
import { ImapWire } from './imap-wire.ts';
import { type ImapSide, MAILBOX } from './tasks.ts';

/** Octets of a message, unless something else is said. */
const OCTETS = 5_000;
const PORTION = 500;

/** Where they go, and how long each is. */
export interface Filling {
  readonly mailbox?: string;
  readonly octets?: number;
}

/** Messages `from` up to `to`, each its own; every second one is \Seen. */
function messages(from: number, to: number, octets: number): Buffer[] {
  return Array.from({ length: to - from }, (_, i) => realisticMessage(octets, from + i + 1));
}

/** Fills the mailbox by MULTIAPPEND (RFC 3502). */
export async function fillByImap(
  side: ImapSide,
  count: number,
  { mailbox = MAILBOX, octets = OCTETS }: Filling = {},
): Promise<void> {
  const wire = await ImapWire.connect(side.port, side.host);
  await wire.login(side.user, side.password);
  if (mailbox !== 'INBOX') await wire.command(`CREATE ${mailbox}`);
  for (let from = 0; from < count; from += PORTION) {
    const pieces = messages(from, from + PORTION, octets).flatMap((bytes, i) => [
      ` (${(from + i) % 2 === 0 ? '\\Seen' : ''}) {${bytes.length}+}\r\n`,
      bytes,
    ]);
    const { status, tail } = await wire.command(`APPEND ${mailbox}`, ...pieces);
    if (status !== 'OK') throw new Error(`filling ${side.name}: ${tail}`);
  }
  wire.close();
}

/** Fills it through the mailstore, past IMAP: the same rows, in large transactions. The account has signed in once. */
export async function fillByMailstore(
  databaseUrl: string,
  accountId: number,
  count: number,
  { mailbox: name = MAILBOX, octets = OCTETS }: Filling = {},
): Promise<void> {
  const store = await openMailstore({ url: databaseUrl, connections: 4, log: silentLog(), migrate: false });
  try {
    if (name !== 'INBOX') await store.mailboxes.create(accountId, name);
    const mailbox = await store.mailboxes.find(accountId, name);
    if (mailbox === undefined) throw new Error('the mailbox was not created');
    for (let from = 0; from < count; from += PORTION) {
      const contents = await Promise.all(
        messages(from, from + PORTION, octets).map((bytes) => store.contents.put(bytes)),
      );
      const appended = contents.map((content, i) => ({
        content,
        flags: { ...NO_FLAGS, system: (from + i) % 2 === 0 ? SEEN : 0 },
        internalDate: new Date(Date.UTC(2024, 0, 1) + (from + i) * 60_000),
      }));
      const result = await store.messages.append(mailbox.id, appended, { bytes: 0, messages: 0 });
      if (result.kind !== 'appended') throw new Error(`filling: ${result.kind}`);
    }
  } finally {
    await store.close();
  }
}
