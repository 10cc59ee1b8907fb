import { readSection, type Section } from './fetch-attribute.ts';
import { ArgumentReader, CommandSyntaxError } from './lexer.ts';
import { decodeUtf8 } from './mailbox-name.ts';

/** A message or a part of one, as an IMAP URL relative to the session names it (RFC 5092, RFC 4469 §3). */
export interface MessageUrl {
  /** Unicode; undefined is the selected mailbox. */
  readonly mailbox: string | undefined;
  readonly uidValidity: number | undefined;
  readonly uid: number;
  readonly section: Section;
  readonly partial: { readonly offset: number; readonly count: number } | undefined;
}

const URL_SHAPE =
  /^(?:\/([^;]+?)(?:;UIDVALIDITY=([1-9]\d{0,9}))?\/?)?;UID=([1-9]\d{0,9})(?:\/?;SECTION=([^;]+?))?(?:\/?;PARTIAL=(\d{1,15})(?:\.([1-9]\d{0,14}))?)?$/i;

/**
 * `/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.MIME`, or `;UID=20` in the selected mailbox. Undefined for anything
 * else: an absolute URL, one of a mailbox, a section that is none.
 */
export function parseMessageUrl(url: string): MessageUrl | undefined {
  const match = URL_SHAPE.exec(url);
  if (match === null) return undefined;
  const [, encodedName, uidValidity, uid, encodedSection, offset, count] = match;
  const mailbox = encodedName === undefined ? undefined : percentDecoded(encodedName.replace(/\/$/, ''));
  if (encodedName !== undefined && mailbox === undefined) return undefined;
  const section = sectionOf(encodedSection);
  if (section === undefined) return undefined;
  return {
    mailbox,
    uidValidity: uidValidity === undefined ? undefined : Number(uidValidity),
    uid: Number(uid),
    section,
    partial:
      offset === undefined
        ? undefined
        : { offset: Number(offset), count: count === undefined ? Number.MAX_SAFE_INTEGER : Number(count) },
  };
}

function sectionOf(encoded: string | undefined): Section | undefined {
  if (encoded === undefined) return { part: [], text: undefined, fields: [] };
  const text = percentDecoded(encoded.replace(/\/$/, ''));
  if (text === undefined) return undefined;
  try {
    const args = new ArgumentReader([{ text: `${text}]` }]);
    const section = readSection(args);
    args.expect(']');
    args.end();
    return section;
  } catch (error) {
    if (error instanceof CommandSyntaxError) return undefined;
    throw error;
  }
}

/** RFC 5092 §11: %XX are octets of UTF-8. */
export function percentDecoded(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  return decodeUtf8(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
}
