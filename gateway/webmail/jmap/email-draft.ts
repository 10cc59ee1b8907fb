import { z } from 'zod';
import {
  addressesValue,
  dateValue,
  groupsValue,
  messageIdsValue,
  newBoundary,
  newMessageId,
  parameter,
  textValue,
  urlsValue,
  type WrittenField,
  type WrittenPart,
} from '../mail/compose.ts';
import { HEADER_SHORTHANDS, type HeaderProperty, readHeaderProperty } from '../mail/header-forms.ts';
import { idSchema, SetFault, utcDate } from './errors.ts';

const addressSchema = z.strictObject({
  name: z
    .string()
    .max(500)
    .nullish()
    .transform((name) => name ?? null),
  email: z.string().max(1_000),
});
const addressesSchema = z.array(addressSchema).max(5_000);
const FORM_SCHEMAS = {
  Raw: z.string().max(100_000),
  Text: z.string().max(20_000),
  Addresses: addressesSchema,
  GroupedAddresses: z.array(z.strictObject({ name: z.string().nullable(), addresses: addressesSchema })).max(1_000),
  MessageIds: z.array(z.string().max(998)).max(1_000),
  Date: z
    .string()
    .refine((text) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) && !Number.isNaN(Date.parse(text)), 'not a Date'),
  URLs: z.array(z.string().max(2_000)).max(100),
} as const;

/** An EmailBodyPart of a client (RFC 8621 §4.6). */
interface DraftPart {
  readonly partId?: string | null | undefined;
  readonly blobId?: string | null | undefined;
  readonly type?: string | undefined;
  readonly charset?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly disposition?: string | null | undefined;
  readonly cid?: string | null | undefined;
  readonly language?: readonly string[] | null | undefined;
  readonly location?: string | null | undefined;
  readonly subParts?: readonly DraftPart[] | null | undefined;
  readonly [property: string]: unknown;
}

const mediaType = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/);
const partSchema: z.ZodType<DraftPart> = z.lazy(() =>
  z.looseObject({
    partId: z.string().max(255).nullish(),
    blobId: idSchema.nullish(),
    type: mediaType.optional(),
    charset: z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,60}$/)
      .nullish(),
    name: z.string().max(1_000).nullish(),
    disposition: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,40}$/)
      .nullish(),
    cid: z
      .string()
      .regex(/^[\x21-\x3b\x3d\x3f-\x7e]{1,250}$/)
      .nullish(),
    language: z
      .array(z.string().regex(/^[A-Za-z0-9-]{1,40}$/))
      .max(20)
      .nullish(),
    location: z
      .string()
      .regex(/^[\x21-\x7e]{1,2000}$/)
      .nullish(),
    size: z.number().nullish(),
    subParts: z.array(partSchema).max(200).nullish(),
  }),
);

const draftSchema = z.looseObject({
  mailboxIds: z.record(z.string(), z.literal(true)),
  keywords: z.record(z.string(), z.literal(true)).optional(),
  receivedAt: utcDate.optional(),
  bodyStructure: partSchema.optional(),
  textBody: z.array(partSchema).length(1).optional(),
  htmlBody: z.array(partSchema).length(1).optional(),
  attachments: z.array(partSchema).max(200).nullish(),
  bodyValues: z
    .record(
      z.string(),
      z.strictObject({
        value: z.string(),
        isEncodingProblem: z.literal(false).optional(),
        isTruncated: z.literal(false).optional(),
      }),
    )
    .optional(),
});

export interface Draft {
  readonly mailboxIds: readonly string[];
  readonly keywords: readonly string[];
  readonly receivedAtMs: number | undefined;
  readonly fields: readonly WrittenField[];
  readonly body: WrittenPart;
}

/** A blob that a part refers to, found before the message is written. */
export interface FoundBlob {
  readonly size: number;
  chunks(): AsyncIterable<Buffer>;
}

const PLAIN = new Set([
  'mailboxIds',
  'keywords',
  'receivedAt',
  'bodyStructure',
  'textBody',
  'htmlBody',
  'attachments',
  'bodyValues',
]);

/** Ids of all blobs that an Email to be created refers to. */
export function blobIdsOf(value: Record<string, unknown>): string[] {
  const ids: string[] = [];
  const walk = (part: unknown): void => {
    const { blobId, subParts } = (part ?? {}) as DraftPart;
    if (typeof blobId === 'string') ids.push(blobId);
    for (const each of Array.isArray(subParts) ? (subParts as readonly unknown[]) : []) walk(each);
  };
  walk(value.bodyStructure);
  for (const list of [value.textBody, value.htmlBody, value.attachments]) if (Array.isArray(list)) list.forEach(walk);
  return [...new Set(ids)];
}

/** An Email of a client as a message to be written (RFC 8621 §4.6). @throws SetFault `invalidProperties` */
export function readDraft(value: Record<string, unknown>, blobs: ReadonlyMap<string, FoundBlob>, nowMs: number): Draft {
  const read = draftSchema.safeParse(value);
  if (!read.success) {
    throw invalid(
      [...new Set(read.error.issues.map(({ path }) => String(path[0] ?? '')))],
      read.error.issues[0]?.message,
    );
  }
  const draft = read.data;
  const fields = headerFieldsOf(value, PLAIN, false);
  const names = new Set(fields.map(({ name }) => name.toLowerCase()));
  const from = value.from as readonly { email: string }[] | undefined;
  const added: WrittenField[] = [];
  if (!names.has('date')) added.push({ name: 'Date', value: dateValue(nowMs) });
  if (!names.has('message-id')) added.push({ name: 'Message-ID', value: `<${newMessageId(from?.[0]?.email)}>` });
  const values = new Map(Object.entries(draft.bodyValues ?? {}).map(([id, { value: text }]) => [id, text]));
  const structure = draft.bodyStructure ?? structureOf(draft);
  if (draft.bodyStructure !== undefined && (draft.textBody ?? draft.htmlBody ?? draft.attachments) != null) {
    throw invalid(['bodyStructure'], 'either the structure, or its lists');
  }
  return {
    mailboxIds: Object.keys(draft.mailboxIds),
    keywords: Object.keys(draft.keywords ?? {}),
    receivedAtMs: draft.receivedAt === undefined ? undefined : Date.parse(draft.receivedAt),
    fields: [...added, ...fields],
    body: writtenPart(structure, { values, blobs, used: names }),
  };
}

/** Text and HTML as alternatives, pictures that the HTML shows beside it, files behind all (RFC 2046 §5.1, RFC 2387). */
function structureOf({ textBody, htmlBody, attachments }: z.infer<typeof draftSchema>): DraftPart {
  const text = textBody?.[0];
  const html = htmlBody?.[0];
  if (text !== undefined && (text.type ?? 'text/plain') !== 'text/plain')
    throw invalid(['textBody'], 'text/plain is wanted');
  if (html !== undefined && (html.type ?? 'text/html') !== 'text/html')
    throw invalid(['htmlBody'], 'text/html is wanted');
  const inline =
    html === undefined
      ? []
      : (attachments ?? []).filter(({ cid, disposition }) => cid != null && disposition === 'inline');
  const files = (attachments ?? []).filter((part) => !inline.includes(part));
  const htmlPart = html && { ...html, type: 'text/html' };
  const related =
    htmlPart && inline.length > 0 ? { type: 'multipart/related', subParts: [htmlPart, ...inline] } : htmlPart;
  const textPart = text && { ...text, type: 'text/plain' };
  const body: DraftPart | undefined =
    textPart && related ? { type: 'multipart/alternative', subParts: [textPart, related] } : (textPart ?? related);
  if (files.length === 0) return body ?? { type: 'text/plain', partId: null };
  return { type: 'multipart/mixed', subParts: [...(body === undefined ? [] : [body]), ...files] };
}

interface Sources {
  readonly values: ReadonlyMap<string, string>;
  readonly blobs: ReadonlyMap<string, FoundBlob>;
  /** Header fields of the message itself, which its root part must not name again. */
  readonly used: ReadonlySet<string>;
}

const PART_PROPERTIES = new Set([
  ...['partId', 'blobId', 'size', 'name', 'type', 'charset', 'disposition', 'cid', 'language', 'location', 'subParts'],
]);
const NO_FIELDS: ReadonlySet<string> = new Set();

function writtenPart(part: DraftPart, sources: Sources): WrittenPart {
  const own = headerFieldsOf(part, PART_PROPERTIES, true);
  if (own.some(({ name }) => sources.used.has(name.toLowerCase())))
    throw invalid(['bodyStructure'], 'a field given twice');
  if (own.some(({ name }) => /^content-transfer-encoding$/i.test(name)))
    throw invalid(['bodyStructure'], 'no encoding may be given');
  const below: Sources = { ...sources, used: NO_FIELDS };
  const isMultipart = part.type?.toLowerCase().startsWith('multipart/') === true;
  if (isMultipart || part.subParts != null) {
    const boundary = newBoundary();
    const fields = [
      { name: 'Content-Type', value: `${part.type ?? 'multipart/mixed'}; boundary="${boundary}"` },
      ...own,
    ];
    const parts = (part.subParts ?? []).map((each) => writtenPart(each, below));
    if (parts.length === 0) throw invalid(['bodyStructure'], 'a multipart without parts');
    return { kind: 'multipart', fields, boundary, parts };
  }
  if (part.partId != null && part.blobId != null) throw invalid(['bodyStructure'], 'a partId or a blobId, not both');
  if (part.blobId != null) {
    const blob = sources.blobs.get(part.blobId);
    if (blob === undefined) throw new SetFault('blobNotFound', undefined, { notFound: [part.blobId] });
    const type = part.type ?? 'application/octet-stream';
    // RFC 2046 §5.2.1: a message within is never encoded.
    return {
      kind: 'blob',
      fields: [...partFields(part, type, part.charset ?? undefined), ...own],
      ...blobOf(blob),
      raw: /^message\//i.test(type),
    };
  }
  if (part.charset != null) throw invalid(['bodyStructure'], 'the charset of a value is the server’s choice');
  const text = part.partId == null ? '' : sources.values.get(part.partId);
  if (text === undefined) throw invalid(['bodyValues'], `no value ${part.partId}`);
  const type = part.type ?? 'text/plain';
  return { kind: 'text', fields: [...partFields(part, type, 'utf-8'), ...own], text };
}

const blobOf = (blob: FoundBlob) => ({ size: blob.size, chunks: () => blob.chunks() });

function partFields(part: DraftPart, type: string, charset: string | undefined): WrittenField[] {
  const name = part.name ?? undefined;
  const fields: WrittenField[] = [
    {
      name: 'Content-Type',
      value: `${type}${charset === undefined || !/^text\//i.test(type) ? '' : `; charset=${charset}`}${name === undefined ? '' : parameter('name', name)}`,
    },
  ];
  const disposition = part.disposition ?? (name === undefined ? undefined : 'attachment');
  if (disposition !== undefined) {
    fields.push({
      name: 'Content-Disposition',
      value: `${disposition}${name === undefined ? '' : parameter('filename', name)}`,
    });
  }
  if (part.cid != null) fields.push({ name: 'Content-ID', value: `<${part.cid}>` });
  if (part.language != null) fields.push({ name: 'Content-Language', value: part.language.join(', ') });
  if (part.location != null) fields.push({ name: 'Content-Location', value: part.location });
  return fields;
}

/** Every header field that properties name: each in a form that it may have, and none twice. */
function headerFieldsOf(value: Record<string, unknown>, plain: ReadonlySet<string>, ofPart: boolean): WrittenField[] {
  const fields: WrittenField[] = [];
  const seen = new Set<string>();
  for (const [property, given] of Object.entries(value)) {
    if (plain.has(property)) continue;
    const header =
      property.startsWith('header:') || (!ofPart && HEADER_SHORTHANDS.has(property))
        ? readHeaderProperty(property)
        : undefined;
    if (header === undefined) throw invalid([property], 'no such property, or not a form of this field');
    if (!ofPart && header.name.startsWith('content-')) throw invalid([property], 'on a body part only');
    if (given === null) continue;
    if (seen.has(header.name)) throw invalid([property], 'a field given twice');
    seen.add(header.name);
    const items = header.all ? given : [given];
    if (!Array.isArray(items)) throw invalid([property], 'a list is wanted');
    const name = nameOfField(property, header);
    for (const item of items as readonly unknown[]) fields.push({ name, value: fieldValueOf(item, header, property) });
  }
  return fields;
}

/** As the client wrote it; of a shorthand as RFC 5322 does. */
function nameOfField(property: string, header: HeaderProperty): string {
  const long = HEADER_SHORTHANDS.get(property) ?? property;
  return long.split(':')[1] ?? header.name;
}

function fieldValueOf(given: unknown, { form }: HeaderProperty, property: string): string {
  const read = FORM_SCHEMAS[form].safeParse(given);
  if (!read.success) throw invalid([property], read.error.issues[0]?.message);
  const value = read.data;
  switch (form) {
    case 'Raw':
      return rawValue(value as string, property);
    case 'Text':
      return textValue(value as string);
    case 'Addresses':
      return addressesValue(value as z.infer<typeof addressesSchema>);
    case 'GroupedAddresses':
      return groupsValue(value as { name: string | null; addresses: z.infer<typeof addressesSchema> }[]);
    case 'MessageIds':
      return messageIdsValue(value as string[]);
    case 'Date':
      return zonedDate(value as string);
    case 'URLs':
      return urlsValue(value as string[]);
  }
}

/** A raw value may be folded; anything else with a line end would begin another field, or the body. */
function rawValue(value: string, property: string): string {
  const unfolded = value.replace(/\r?\n(?=[ \t]+\S)/g, '');
  if (/[\r\n\0]/.test(unfolded)) throw invalid([property], 'a line end that folds nothing');
  return value.replace(/\r?\n/g, '\r\n').toWellFormed();
}

function zonedDate(text: string): string {
  const zone = /([+-])(\d\d):(\d\d)$/.exec(text);
  const minutes = zone === null ? 0 : (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1);
  return dateValue(Date.parse(text), minutes);
}

function invalid(properties: readonly string[], description?: string): SetFault {
  return new SetFault('invalidProperties', description, { properties });
}
