import { HEADER_SHORTHANDS, type HeaderProperty, readHeaderProperty } from '../mail/header-forms.ts';
import { MethodError } from './errors.ts';

/** From the index alone. */
const INDEXED = ['id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt'];
const STRUCTURED = ['bodyStructure', 'textBody', 'htmlBody', 'attachments', 'hasAttachment', 'bodyValues'];

/** RFC 8621 §4.2. */
export const DEFAULT_PROPERTIES: readonly string[] = [
  ...INDEXED,
  ...['messageId', 'inReplyTo', 'references', 'sender', 'from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'sentAt'],
  ...['hasAttachment', 'preview', 'bodyValues', 'textBody', 'htmlBody', 'attachments'],
];
const DEFAULT_BODY_PROPERTIES = [
  ...['partId', 'blobId', 'size', 'name', 'type', 'charset', 'disposition', 'cid', 'language', 'location'],
];
const BODY_PROPERTIES: ReadonlySet<string> = new Set([...DEFAULT_BODY_PROPERTIES, 'subParts', 'headers']);

/** What an Email/get or Email/parse asks of each email. */
export interface EmailPlan {
  readonly properties: readonly string[];
  readonly headers: readonly HeaderProperty[];
  /** Lower-case names that are read, or all fields. */
  readonly fields: 'all' | readonly string[];
  readonly structure: boolean;
  readonly preview: boolean;
  readonly bodyProperties: readonly string[];
  readonly bodyHeaders: readonly HeaderProperty[];
  readonly values: { readonly text: boolean; readonly html: boolean; readonly all: boolean; readonly maxBytes: number };
}

export interface EmailPlanArguments {
  readonly properties?: readonly string[] | null | undefined;
  readonly bodyProperties?: readonly string[] | null | undefined;
  readonly fetchTextBodyValues?: boolean | undefined;
  readonly fetchHTMLBodyValues?: boolean | undefined;
  readonly fetchAllBodyValues?: boolean | undefined;
  readonly maxBodyValueBytes?: number | undefined;
}

export function planOf(args: EmailPlanArguments, defaults: readonly string[] = DEFAULT_PROPERTIES): EmailPlan {
  const properties = [...new Set(['id', ...(args.properties ?? defaults)])];
  const headers = properties.flatMap(headerPropertyOrNone);
  for (const property of properties) {
    const known = isPlain(property) || headers.some((each) => each.property === property);
    if (!known) throw new MethodError('invalidArguments', `no property ${JSON.stringify(property)}`);
  }
  const bodyProperties = args.bodyProperties ?? DEFAULT_BODY_PROPERTIES;
  const bodyHeaders = bodyProperties.filter((name) => name.startsWith('header:')).flatMap(headerPropertyOrNone);
  for (const property of bodyProperties) {
    const known = BODY_PROPERTIES.has(property) || bodyHeaders.some((each) => each.property === property);
    if (!known) throw new MethodError('invalidArguments', `no body property ${JSON.stringify(property)}`);
  }
  // The root part's header fields are the message's own.
  const wantsAll = properties.includes('headers') || bodyProperties.includes('headers') || bodyHeaders.length > 0;
  return {
    properties,
    headers,
    fields: wantsAll ? 'all' : [...new Set(headers.map(({ name }) => name))],
    structure: properties.some((property) => STRUCTURED.includes(property)),
    preview: properties.includes('preview'),
    bodyProperties,
    bodyHeaders,
    values: {
      text: args.fetchTextBodyValues === true,
      html: args.fetchHTMLBodyValues === true,
      all: args.fetchAllBodyValues === true,
      maxBytes: args.maxBodyValueBytes ?? 0,
    },
  };
}

const isPlain = (property: string): boolean =>
  INDEXED.includes(property) || STRUCTURED.includes(property) || property === 'preview' || property === 'headers';

function headerPropertyOrNone(property: string): HeaderProperty[] {
  if (!property.startsWith('header:') && !HEADER_SHORTHANDS.has(property)) return [];
  const read = readHeaderProperty(property);
  if (read === undefined) throw new MethodError('invalidArguments', `${property}: not a form of this field`);
  return [read];
}
