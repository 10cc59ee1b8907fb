import { SEPARATOR } from './codec/mailbox-pattern.ts';
import { writeName } from './mailbox-argument.ts';
import type { Session } from './session.ts';

/** A LIST response that no LIST command asked for; with OLDNAME (RFC 9051 §6.3.9.7) where the client knows the mailbox by another name. */
export function writeListResponse(
  session: Session,
  attributes: readonly string[],
  name: string,
  oldName?: string,
): void {
  const { out } = session;
  out.text(`* LIST (${attributes.join(' ')}) "${SEPARATOR}" `);
  writeName(session, out, name);
  if (oldName !== undefined) {
    out.text(' ("OLDNAME" (');
    writeName(session, out, oldName);
    out.text('))');
  }
  out.text('\r\n');
}

/** The name as the client gave it, where that is not the one spelling that is kept (RFC 9051 §5.1); else undefined. */
export function denormalized(given: string): string | undefined {
  return given === given.normalize('NFC') ? undefined : given;
}

/** RFC 9051 §6.3.4, §6.3.6: tells a client of IMAP4rev2 under which name a mailbox is kept, where that is not the one it gave. */
export function tellNormalizedName(session: Session, given: string, name: string): void {
  const oldName = denormalized(given);
  if (session.rev2 && oldName !== undefined) writeListResponse(session, [], name, oldName);
}
