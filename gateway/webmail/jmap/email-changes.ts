import { imap, piece } from '../imap/codec/command.ts';
import { readSequenceSet } from '../imap/codec/sequence-set.ts';
import type { AccountIndex } from '../mail/account-index.ts';
import type { RequestContext } from './method.ts';

export interface EmailIds {
  readonly created: ReadonlySet<string>;
  readonly updated: ReadonlySet<string>;
  readonly destroyed: ReadonlySet<string>;
}

/**
 * What changed since a state: from what this process saw, else from the store's virtual mailbox of all mail, whose history knows of
 * every email that is gone. So a state is good across restarts. Undefined when neither reaches back so far.
 */
export async function emailChangesSince(
  index: AccountIndex,
  sinceState: string,
  context: RequestContext,
): Promise<EmailIds | undefined> {
  if (sinceState === index.emailState) return { created: new Set(), updated: new Set(), destroyed: new Set() };
  return index.history.since(sinceState, index.emailState) ?? (await changesOfAllMail(index, sinceState, context));
}

async function changesOfAllMail(
  index: AccountIndex,
  sinceState: string,
  { session }: RequestContext,
): Promise<EmailIds | undefined> {
  const { all } = index.listing;
  const match = /^(\d{1,15})-(\d{1,15})-[\w-]{16}$/.exec(sinceState);
  const modSeq = Number(match?.[1]);
  const uidNext = Number(match?.[2]);
  if (all === undefined || match === null || modSeq < 1 || uidNext < 1 || modSeq > all.highestModSeq) return undefined;
  const created = new Set<string>();
  const updated = new Set<string>();
  const destroyed = new Set<string>();
  const known = await session.read(async (pooled) => {
    if (!(await pooled.select(all.name))) return false;
    const changed = piece`(CHANGEDSINCE ${modSeq} VANISHED)`;
    await pooled.connection.must(imap`UID FETCH 1:* (UID EMAILID) ${changed}`, ({ lines: [line = ''] }) => {
      const vanished = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$/i.exec(line)?.[1];
      // What came after the state and went again was never there for this client.
      if (vanished !== undefined) {
        for (const uid of readSequenceSet(vanished)) if (uid < uidNext) destroyed.add(`E${uid}`);
        return;
      }
      const row = /UID (\d+).* EMAILID \(([A-Za-z0-9_-]+)\)/i.exec(line);
      if (row !== null) (Number(row[1]) >= uidNext ? created : updated).add(row[2] ?? '');
    });
    return true;
  });
  if (!known) return undefined;
  // The index is as it was a moment ago; what it does not hold comes with the next state.
  for (const ids of [created, updated]) for (const id of ids) if (!index.emails.has(id)) ids.delete(id);
  for (const id of destroyed) if (index.emails.has(id)) destroyed.delete(id);
  return { created, updated, destroyed };
}
