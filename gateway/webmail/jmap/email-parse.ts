import { z } from 'zod';
import { findBlob, readBlob } from '../mail/blobs.ts';
import { sourceOfBytes } from '../mail/message-source.ts';
import { readStored } from '../mail/stored-messages.ts';
import { MAIL } from './capabilities.ts';
import { bodyShape } from './email.ts';
import { conditionsOf, emailFilterSchema } from './email-filter.ts';
import { emailObject } from './email-object.ts';
import { DEFAULT_PROPERTIES, planOf } from './email-properties.ts';
import { termsOf } from './email-search.ts';
import { idOrReference, idSchema, MethodError, readArguments } from './errors.ts';
import type { Method } from './method.ts';
import { findAll } from './standard.ts';

const parseSchema = z.strictObject({ accountId: idSchema, blobIds: z.array(idOrReference).max(50), ...bodyShape });
/** Messages that are parsed here; larger ones are saved, and opened elsewhere. */
const MAX_PARSED_BYTES = 26_214_400;
const NOT_PARSED = new Set(['id', 'threadId', 'mailboxIds', 'keywords', 'receivedAt', 'size', 'blobId']);

/** RFC 8621 §4.9: messages that are attached to others, or were uploaded. */
const parse: Method = {
  name: 'Email/parse',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(parseSchema, args);
    context.checkAccount(read.accountId);
    const plan = planOf(
      read,
      DEFAULT_PROPERTIES.filter((property) => !NOT_PARSED.has(property)),
    );
    const parsed: Record<string, unknown> = {};
    const notParsable: string[] = [];
    const notFound: string[] = [];
    for (const given of new Set(read.blobIds)) {
      const blobId = context.resolve(given) ?? given;
      const blob = await findBlob(blobId, context.session, () => context.index(), context.uploads);
      if (blob === undefined) {
        notFound.push(given);
        continue;
      }
      const bytes = await readBlob(blob, MAX_PARSED_BYTES);
      const source = bytes && sourceOfBytes(bytes, blobId);
      if (source === undefined || source.fields.length === 0) notParsable.push(given);
      else parsed[given] = await emailObject(undefined, source, plan);
    }
    const orNull = <T extends object>(value: T): T | null => (Object.keys(value).length > 0 ? value : null);
    return {
      accountId: read.accountId,
      parsed: orNull(parsed),
      notParsable: orNull(notParsable),
      notFound: orNull(notFound),
    };
  },
};

const snippetSchema = z.strictObject({
  accountId: idSchema,
  filter: emailFilterSchema.nullish(),
  emailIds: z.array(idOrReference),
});
const SNIPPET_CHARS = 255;
const BEFORE_MATCH = 60;

/** RFC 8621 §5.1: subject, and the beginning of the text or where it matches, as HTML with `<mark>` alone. */
const snippets: Method = {
  name: 'SearchSnippet/get',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(snippetSchema, args);
    context.checkAccount(read.accountId);
    const index = await context.index();
    const { found, notFound } = findAll(read.emailIds, context, (id) => index.emails.get(id));
    const conditions = read.filter == null ? [] : conditionsOf(read.filter);
    const words = (text: string | undefined): string[] => (text === undefined ? [] : termsOf(text));
    const inSubject = conditions.flatMap(({ text, subject }) => [...words(text), ...words(subject)]);
    const inBody = conditions.flatMap(({ text, body }) => [...words(text), ...words(body)]);
    if (inSubject.length + inBody.length > 100) throw new MethodError('unsupportedFilter');
    const plan = planOf({
      properties: ['subject', 'preview', 'textBody', 'bodyValues'],
      bodyProperties: ['partId'],
      fetchTextBodyValues: inBody.length > 0,
      maxBodyValueBytes: 100_000,
    });
    const sources = await readStored(context.session, found, plan);
    const list: object[] = [];
    for (const email of found) {
      const source = sources.get(email.id);
      if (source === undefined) continue;
      const object = await emailObject(email, source, plan);
      const text = Object.values(object.bodyValues as Record<string, { value: string }>)
        .map(({ value }) => value)
        .join(' ');
      list.push({
        emailId: email.id,
        subject: marked(String(object.subject ?? ''), inSubject, false),
        preview: marked(text, inBody, true),
      });
    }
    return { accountId: read.accountId, list, notFound: notFound.length > 0 ? notFound : null };
  },
};

/** Null when nothing matches (RFC 8621 §5). */
export function marked(text: string, words: readonly string[], shorten: boolean): string | null {
  if (words.length === 0) return null;
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(escaped.join('|'), 'giu');
  const flat = shorten ? text.replace(/<[^<>]{0,2000}>/g, ' ').replace(/\s+/g, ' ') : text;
  const first = pattern.exec(flat);
  if (first === null) return null;
  const from = shorten ? Math.max(0, first.index - BEFORE_MATCH) : 0;
  pattern.lastIndex = 0;
  const piece = shorten ? flat.slice(from, from + SNIPPET_CHARS) : flat;
  let out = '';
  let at = 0;
  for (const match of piece.matchAll(pattern)) {
    out += `${escapeHtml(piece.slice(at, match.index))}<mark>${escapeHtml(match[0])}</mark>`;
    at = match.index + match[0].length;
  }
  return out + escapeHtml(piece.slice(at));
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);

export const EMAIL_PARSE_METHODS: readonly Method[] = [parse, snippets];
