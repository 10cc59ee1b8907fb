import { decodeCharset } from '@postern/shared/message/charset.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import type { IndexedEmail } from '../mail/account-index.ts';
import {
  type Arrangement,
  arrange,
  type BodyPart,
  charsetOf,
  leavesOf,
  nameOf,
  offersAttachment,
} from '../mail/body-part.ts';
import { emailKeywords, emailMailboxIds } from '../mail/email-facts.ts';
import { type HeaderField, headerPropertyValue, rawText } from '../mail/header-forms.ts';
import type { MessageSource } from '../mail/message-source.ts';
import type { EmailPlan } from './email-properties.ts';

/** Octets of one text part that are read; what lies behind them is told as truncated. */
const MAX_VALUE_BYTES = 5_000_000;

/** RFC 8621 §4.1.4: the values of some parts may be told. Who has more texts in one message than this wants no reader. */
const MAX_VALUES = 500;

/** An Email as JMAP tells it (RFC 8621 §4.1). `email` is undefined for a message that is in no mailbox (Email/parse). */
export async function emailObject(
  email: IndexedEmail | undefined,
  source: MessageSource,
  plan: EmailPlan,
): Promise<Record<string, unknown>> {
  const { structure } = source;
  const arranged = structure === undefined ? undefined : arrange(structure);
  if (email !== undefined && structure !== undefined) email.hasAttachment = offersAttachment(structure);
  const bodies = new BodyParts(source, plan);
  if (structure !== undefined) await bodies.prepare(structure, arranged as Arrangement);
  const object: Record<string, unknown> = {};
  for (const property of plan.properties) {
    const header = plan.headers.find((each) => each.property === property);
    if (header !== undefined) object[property] = headerPropertyValue(source.fields, header);
    else object[property] = await propertyOf(property, email, source, arranged, bodies);
  }
  return object;
}

async function propertyOf(
  property: string,
  email: IndexedEmail | undefined,
  source: MessageSource,
  arranged: Arrangement | undefined,
  bodies: BodyParts,
): Promise<unknown> {
  switch (property) {
    case 'id':
      return email?.id ?? null;
    case 'blobId':
      return source.blobId;
    case 'threadId':
      return email?.threadId ?? null;
    case 'mailboxIds':
      return email === undefined ? null : emailMailboxIds(email);
    case 'keywords':
      return email === undefined ? null : emailKeywords(email);
    case 'size':
      return email?.sizeBytes ?? null;
    case 'receivedAt':
      return email === undefined ? null : utcDateOf(email.receivedAtMs);
    case 'preview':
      return [...(source.preview ?? '')].slice(0, 256).join('');
    case 'headers':
      return headersOf(source.fields);
    case 'hasAttachment':
      return source.structure === undefined ? false : offersAttachment(source.structure);
    case 'bodyStructure':
      return source.structure === undefined ? null : bodies.object(source.structure);
    case 'bodyValues':
      return bodies.values();
    case 'textBody':
    case 'htmlBody':
    case 'attachments':
      return arranged?.[property].map((part) => bodies.object(part)) ?? [];
    default:
      return null;
  }
}

export const utcDateOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

const headersOf = (fields: readonly HeaderField[]) => fields.map(({ name, raw }) => ({ name, value: rawText(raw) }));

/** The parts of one email as objects, with what has to be read for them. */
class BodyParts {
  readonly #source: MessageSource;
  readonly #plan: EmailPlan;
  #sizes: ReadonlyMap<string, number> = new Map();
  #fields: ReadonlyMap<string, readonly HeaderField[]> = new Map();
  #valued: BodyPart[] = [];

  constructor(source: MessageSource, plan: EmailPlan) {
    this.#source = source;
    this.#plan = plan;
  }

  async prepare(structure: BodyPart, arranged: Arrangement): Promise<void> {
    const { properties, bodyProperties, bodyHeaders, values } = this.#plan;
    const shown = this.#shown(structure, arranged);
    if (shown.length > 0 && bodyProperties.includes('size')) this.#sizes = await this.#source.decodedSizes(shown);
    if (bodyProperties.includes('headers') || bodyHeaders.length > 0) {
      const isWhole = structure.section !== undefined;
      const sections = shown.flatMap(leavesOf).map(({ section = '' }) => section);
      this.#fields = isWhole
        ? new Map(sections.map((section) => [section, this.#source.fields]))
        : await this.#source.partFields(sections);
    }
    if (!properties.includes('bodyValues')) return;
    const wanted = new Set<BodyPart>([
      ...(values.text ? arranged.textBody : []),
      ...(values.html ? arranged.htmlBody : []),
      ...(values.all ? leavesOf(structure) : []),
    ]);
    this.#valued = [...wanted].filter(({ type }) => type.startsWith('text/')).slice(0, MAX_VALUES);
  }

  /** The parts that will be told, at their tops. */
  #shown(structure: BodyPart, arranged: Arrangement): BodyPart[] {
    const { properties } = this.#plan;
    if (properties.includes('bodyStructure')) return [structure];
    const lists = (['textBody', 'htmlBody', 'attachments'] as const).filter((each) => properties.includes(each));
    return [...new Set(lists.flatMap((list) => arranged[list]))];
  }

  object(part: BodyPart): Record<string, unknown> {
    const { bodyProperties, bodyHeaders } = this.#plan;
    const section = part.section;
    const fields =
      section === undefined && part === this.#source.structure
        ? this.#source.fields
        : (this.#fields.get(section ?? '') ?? []);
    const all: Record<string, () => unknown> = {
      partId: () => section ?? null,
      blobId: () => (section === undefined ? null : `${this.#source.blobId}_${section.replaceAll('.', '_')}`),
      size: () => (section === undefined ? 0 : (this.#sizes.get(section) ?? part.encodedBytes)),
      name: () => nameOf(part),
      type: () => part.type,
      charset: () => charsetOf(part),
      disposition: () => part.disposition,
      cid: () => part.cid,
      language: () => part.language,
      location: () => part.location,
      headers: () => headersOf(fields),
      subParts: () => (section === undefined ? part.parts.map((each) => this.object(each)) : null),
    };
    const object: Record<string, unknown> = {};
    for (const property of bodyProperties) {
      const header = bodyHeaders.find((each) => each.property === property);
      object[property] = header === undefined ? all[property]?.() : headerPropertyValue(fields, header);
    }
    // A multipart whose parts are not told says nothing.
    if (section === undefined) object.subParts = all.subParts?.();
    return object;
  }

  async values(): Promise<Record<string, object>> {
    const values: Record<string, object> = {};
    const sections = this.#valued.map(({ section = '' }) => section);
    const found = await this.#source.read(sections, MAX_VALUE_BYTES);
    for (const part of this.#valued) {
      const section = part.section ?? '';
      const encoded = found.get(section) ?? Buffer.alloc(0);
      values[section] = bodyValue(part, encoded, part.encodedBytes > MAX_VALUE_BYTES, this.#plan.values.maxBytes);
    }
    return values;
  }
}

/** RFC 8621 §4.1.4 EmailBodyValue. */
function bodyValue(part: BodyPart, encoded: Buffer, cut: boolean, maxBytes: number): object {
  const decoded = decodeTransfer(encoded, part.encoding);
  const text = decodeCharset(decoded ?? encoded, charsetOf(part) ?? undefined).replaceAll('\r\n', '\n');
  const short = maxBytes > 0 ? truncate(text, maxBytes, part.type === 'text/html') : text;
  return {
    value: short,
    isEncodingProblem: decoded === undefined || text.includes('\ufffd'),
    isTruncated: cut || short.length < text.length,
  };
}

/** At most so many octets of UTF-8, not within a character, nor within a tag (RFC 8621 §4.2). */
function truncate(text: string, maxBytes: number, isHtml: boolean): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const short = bytes.toString('utf8', 0, end);
  const open = short.lastIndexOf('<');
  return isHtml && open > short.lastIndexOf('>') ? short.slice(0, open) : short;
}
