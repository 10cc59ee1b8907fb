import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import type { SqlContents } from './content.ts';
import type { Database } from './database.ts';
import { PREPARED_VERSION, prepareTexts } from './prepared-texts.ts';

export interface PreparedRow {
  readonly envelope: Buffer;
  readonly bodyStructure: Buffer;
  readonly headerFields: Buffer;
}

/** Renders the texts of rows that an older version of the program wrote, and writes them back. */
export async function renderAgain(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  messages: readonly { readonly uid: number; readonly contentId: Buffer }[],
): Promise<Map<number, PreparedRow>> {
  const rendered = new Map<number, PreparedRow>();
  for (const { uid, contentId } of messages) {
    const prepared = prepareTexts(scanMessage(await contents.read(contentId)));
    rendered.set(uid, prepared);
    await database.change(
      `REPLACE INTO email_cache
         (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)
       SELECT b.owner_id, m.email_no, ?, ?, ?, ?, ?, ? FROM message m JOIN mailbox b ON b.id = m.mailbox_id
       WHERE m.mailbox_id = ? AND m.uid = ?`,
      [
        PREPARED_VERSION,
        prepared.sentAtMs ?? null,
        prepared.envelope,
        prepared.bodyStructure,
        prepared.headerFields,
        Buffer.concat(prepared.threadHashes),
        mailboxId,
        uid,
      ],
    );
  }
  return rendered;
}
