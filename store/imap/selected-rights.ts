import { Goodbye } from './goodbye.ts';
import type { Session } from './session.ts';
import { writePermanentFlags } from './updates.ts';

/** Asks again for the rights in the selected mailbox: what was granted in another one's may have been taken back since (RFC 4314). */
export async function checkSelectedRights(session: Session): Promise<void> {
  if (session.state !== 'selected' || session.selected.mailbox.ownerAddress === undefined) return;
  const { selected } = session;
  const before = selected.rights;
  selected.rights = await session.mailstore.access.rightsOf(session.signedIn.account.id, selected.mailbox);
  if (!selected.rights.has('r')) throw new Goodbye('You may no longer read the selected mailbox');
  // RFC 4314 §5.1.1: what may be changed now.
  const changed = [...'tsw'].some((right) => before.has(right) !== selected.rights.has(right));
  if (changed && !selected.readOnly) writePermanentFlags(session, selected);
}
