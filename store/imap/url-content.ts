import { sectionRange, storedBody } from './body-source.ts';
import { FieldSelection } from './codec/header-fields.ts';
import type { MessageUrl } from './codec/imap-url.ts';
import type { Session } from './session.ts';

/** The octets of the message, or of the part, that a URL names in a mailbox; undefined when there is none (RFC 5092). */
export async function octetsNamed(
  session: Session,
  mailboxId: number,
  { uid, section, partial }: MessageUrl,
  room: number,
): Promise<Buffer | 'too-big' | undefined> {
  for await (const [message] of session.mailstore.messages.fetch(mailboxId, [uid], {})) {
    if (message === undefined) return undefined;
    const source = storedBody(session.mailstore, message);
    const range = await sectionRange(source, section);
    if (range === undefined) return undefined;
    if (section.fields.length > 0) {
      const header = await source.read(range.start, range.end);
      const fields = new FieldSelection(section.fields, section.text === 'HEADER.FIELDS.NOT').of(header);
      return partial ? fields.subarray(partial.offset, partial.offset + partial.count) : fields;
    }
    const start = Math.min(range.start + (partial?.offset ?? 0), range.end);
    const end = Math.min(start + (partial?.count ?? Number.MAX_SAFE_INTEGER), range.end);
    return end - start > room ? 'too-big' : source.read(start, end);
  }
  return undefined;
}
