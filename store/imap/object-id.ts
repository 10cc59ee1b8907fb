import type { SelectedMailbox } from '../mailstore/mailstore.ts';

/**
 * An EMAILID or THREADID as a session is told it. Accounts count for themselves: in another one's mailbox the id names the account as
 * well, or it would stand for two messages (RFC 8474 §5.1).
 */
export function objectIdIn(view: Pick<SelectedMailbox, 'foreign' | 'accountId'>, id: string): string {
  return view.foreign ? `${id}-${view.accountId}` : id;
}
