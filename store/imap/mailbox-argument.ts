import { decodeMailboxName, decodeUtf8, encodeMailboxName } from './codec/mailbox-name.ts';
import type { ResponseWriter } from './codec/response.ts';
import { type Completion, no } from './completion.ts';
import { type ReachedMailbox, reachMailbox } from './namespaces.ts';
import type { Session } from './session.ts';

/** Longest mailbox name that a command may give, in characters. */
const MAX_NAME_LENGTH = 1000;

/** The name of a mailbox as the client wrote it (latin1 octets), in Unicode; undefined when it cannot be a name. */
export function decodeName(session: Session, octets: string): string | undefined {
  if (octets.length > MAX_NAME_LENGTH) return undefined;
  return session.utf8 ? decodeUtf8(octets) : decodeMailboxName(octets);
}

/** Writes a mailbox name in the form that this session reads. */
export function writeName(session: Session, out: ResponseWriter, name: string): void {
  if (session.utf8 && !/^[\x20-\x7e]*$/.test(name)) out.utf8String(name);
  else out.astring(session.utf8 ? name : encodeMailboxName(name));
}

/** RFC 5530: a name that no mailbox can have. */
export const invalidName = (why = 'Not a valid mailbox name'): Completion => no('CANNOT', why);
/** RFC 5530 NONEXISTENT. */
export const noSuchMailbox = (): Completion => no('NONEXISTENT', 'No such mailbox');
/** RFC 9051 §6.3.12, §6.4.7: the destination can be made by CREATE. */
export const tryCreate = (): Completion => no('TRYCREATE', 'No such mailbox; create it first');
/** RFC 9208 §4.4: over quota. */
export const overQuota = (): Completion => no('OVERQUOTA', 'Quota exceeded');

/** Finds a mailbox by the name that the client wrote; what the user may do in it is for the command to ask. */
export function findMailbox(session: Session, octets: string): Promise<ReachedMailbox | undefined> {
  const name = decodeName(session, octets);
  return name === undefined ? Promise.resolve(undefined) : reachMailbox(session, name);
}
