import type { FlagSet } from '../mailstore/flags.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';

/** A message on its way out. */
export interface ExportedMessage {
  readonly uid: number;
  readonly flags: FlagSet;
  readonly internalDate: Date;
  bytes(): Promise<Buffer>;
}

const PAGE = 200;

/** Messages of a mailbox in order of UID, as it is when the first is asked for. */
export async function* exportedMessages(mailstore: Mailstore, mailboxId: number): AsyncIterable<ExportedMessage> {
  const view = await mailstore.mailboxes.open(mailboxId, { claimRecent: false });
  if (view === undefined) return;
  try {
    const known = Array.from({ length: view.exists }, (_, i) => ({
      uid: view.columns.uids[i] ?? 0,
      flags: view.flagsAt(i + 1),
    }));
    for (let from = 0; from < known.length; from += PAGE) {
      const page = known.slice(from, from + PAGE);
      const flags = new Map(page.map((message) => [message.uid, message.flags]));
      const wanted = page.map(({ uid }) => uid);
      for await (const fetched of mailstore.messages.fetch(mailboxId, wanted, { pageSize: PAGE })) {
        for (const { uid, internalDateMs, contentId } of fetched) {
          yield {
            uid,
            flags: flags.get(uid) ?? { system: 0, keywords: [] },
            internalDate: new Date(internalDateMs),
            bytes: () => mailstore.messages.readBody(contentId),
          };
        }
      }
    }
  } finally {
    view.close();
  }
}

/** Files have LF at the ends of lines; a message in which they are not all CRLF is left as it is. */
export function withLf(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  if (/(^|[^\r])\n|\r(?!\n)/.test(text)) return bytes;
  return Buffer.from(text.replaceAll('\r\n', '\n'), 'latin1');
}
