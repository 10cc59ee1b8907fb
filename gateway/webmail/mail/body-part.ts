import type { Parameter } from '@postern/shared/message/content-fields.ts';
import { decodeParameter } from '@postern/shared/message/encoded-word.ts';
import type { MimePart } from '@postern/shared/message/mime-part.ts';
import { type ImapValue, listOf, octetsOf } from '../imap/codec/response-values.ts';

/** One part of a message, as BODYSTRUCTURE or a scan of its octets tells it. A message within is a part like a file. */
export interface BodyPart {
  /** Section of IMAP: `1.2`; undefined for multiparts, whose content is their parts. */
  readonly section: string | undefined;
  readonly type: string;
  readonly params: readonly Parameter[];
  readonly encoding: string;
  /** Octets before decoding. */
  readonly encodedBytes: number;
  readonly cid: string | null;
  readonly disposition: string | null;
  readonly dispositionParams: readonly Parameter[];
  readonly language: readonly string[] | null;
  readonly location: string | null;
  readonly parts: readonly BodyPart[];
}

/** Parts deeper, and more of them, than anybody writes. */
const MAX_DEPTH = 100;

/** BODYSTRUCTURE of IMAP (RFC 9051 §7.5.2) as parts. */
export function partsOfBodyStructure(value: ImapValue | undefined): BodyPart {
  return readStructure(listOf(value), '', 0);
}

function readStructure(list: readonly ImapValue[], section: string, depth: number): BodyPart {
  const text = (at: number): string | null => octetsOf(list[at]) ?? null;
  if (Array.isArray(list[0]) && depth < MAX_DEPTH) {
    const end = list.findIndex((each) => !Array.isArray(each));
    const children = list.slice(0, end < 0 ? list.length : end);
    const at = children.length;
    return {
      section: undefined,
      type: `multipart/${(text(at) ?? 'mixed').toLowerCase()}`,
      params: parametersOf(list[at + 1]),
      encoding: '7bit',
      encodedBytes: 0,
      cid: null,
      ...extensions(list, at + 2),
      parts: children.map((child, n) =>
        readStructure(listOf(child), section === '' ? `${n + 1}` : `${section}.${n + 1}`, depth + 1),
      ),
    };
  }
  const type = `${text(0) ?? 'application'}/${text(1) ?? 'octet-stream'}`.toLowerCase();
  // RFC 9051 §9 body-type-msg and body-type-text have more before the extensions.
  const extra = type === 'message/rfc822' || type === 'message/global' ? 3 : type.startsWith('text/') ? 1 : 0;
  return {
    section: section === '' ? '1' : section,
    type,
    params: parametersOf(list[2]),
    encoding: (text(5) ?? '7bit').toLowerCase(),
    encodedBytes: Number(text(6) ?? 0) || 0,
    cid: text(3)?.replace(/^<|>$/g, '') ?? null,
    // After the MD5 come disposition, language and location.
    ...extensions(list, 8 + extra),
    parts: [],
  };
}

function extensions(
  list: readonly ImapValue[],
  at: number,
): Pick<BodyPart, 'disposition' | 'dispositionParams' | 'language' | 'location'> {
  const disposition = listOf(list[at]);
  const language = list[at + 1];
  const languages = typeof language === 'string' ? [language] : listOf(language).map((each) => octetsOf(each) ?? '');
  return {
    disposition: octetsOf(disposition[0])?.toLowerCase() ?? null,
    dispositionParams: parametersOf(disposition[1]),
    language: languages.length > 0 ? languages : null,
    location: octetsOf(list[at + 2]) ?? null,
  };
}

function parametersOf(value: ImapValue | undefined): Parameter[] {
  const list = listOf(value);
  const params: Parameter[] = [];
  for (let i = 0; i + 1 < list.length; i += 2) {
    params.push([(octetsOf(list[i]) ?? '').toLowerCase(), octetsOf(list[i + 1]) ?? '']);
  }
  return params;
}

/** The same of a message that was scanned here. */
export function partsOfScan(part: MimePart, section = '', depth = 0): BodyPart {
  const common = {
    params: part.params,
    encoding: part.encoding,
    cid: part.id?.trim().replace(/^<|>$/g, '') ?? null,
    disposition: part.disposition?.type ?? null,
    dispositionParams: part.disposition?.params ?? [],
    language: part.languages.length > 0 ? part.languages : null,
    location: part.location ?? null,
  };
  const type = `${part.type}/${part.subtype}`;
  if (part.kind === 'multipart' && depth < MAX_DEPTH) {
    const parts = part.children.map((child, n) =>
      partsOfScan(child, section === '' ? `${n + 1}` : `${section}.${n + 1}`, depth + 1),
    );
    return { ...common, section: undefined, type, encodedBytes: 0, parts };
  }
  return {
    ...common,
    section: section === '' ? '1' : section,
    type,
    encodedBytes: part.bodyEnd - part.bodyStart,
    parts: [],
  };
}

/** RFC 8621 §4.1.4: the decoded file name, or that of the Content-Type. */
export function nameOf(part: BodyPart): string | null {
  return decodeParameter(part.dispositionParams, 'filename') ?? decodeParameter(part.params, 'name') ?? null;
}

/** RFC 8621 §4.1.4: of text without one, us-ascii; of anything else none. */
export function charsetOf(part: BodyPart): string | null {
  const charset = part.params.find(([name]) => name === 'charset')?.[1];
  return charset ?? (part.type.startsWith('text/') ? 'us-ascii' : null);
}

/** All parts but multiparts, in order. */
export function leavesOf(part: BodyPart): BodyPart[] {
  return part.section === undefined ? part.parts.flatMap(leavesOf) : [part];
}

export interface Arrangement {
  readonly textBody: readonly BodyPart[];
  readonly htmlBody: readonly BodyPart[];
  readonly attachments: readonly BodyPart[];
}

/** What is to be shown as text, as HTML, and what is attached, by the algorithm of RFC 8621 §4.1.4. */
export function arrange(structure: BodyPart): Arrangement {
  const textBody: BodyPart[] = [];
  const htmlBody: BodyPart[] = [];
  const attachments: BodyPart[] = [];
  walk([structure], 'mixed', false, { html: htmlBody, text: textBody, attachments });
  return { textBody, htmlBody, attachments };
}

interface Sinks {
  /** Undefined: parts of this kind are not gathered any more. */
  readonly html: BodyPart[] | undefined;
  readonly text: BodyPart[] | undefined;
  readonly attachments: BodyPart[];
}

const isInlineMedia = (type: string): boolean => /^(?:image|audio|video)\//.test(type);

function walk(parts: readonly BodyPart[], multipart: string, inAlternative: boolean, sinks: Sinks): void {
  const { attachments } = sinks;
  let { html, text } = sinks;
  const textBefore = text?.length ?? -1;
  const htmlBefore = html?.length ?? -1;
  for (const [index, part] of parts.entries()) {
    const isInline =
      part.disposition !== 'attachment' &&
      (part.type === 'text/plain' || part.type === 'text/html' || isInlineMedia(part.type)) &&
      // In multipart/related, only the first part is the body; the others are what it refers to.
      (index === 0 || (multipart !== 'related' && (isInlineMedia(part.type) || nameOf(part) === null)));
    if (part.section === undefined) {
      const subtype = part.type.slice('multipart/'.length);
      walk(part.parts, subtype, inAlternative || subtype === 'alternative', { html, text, attachments });
    } else if (!isInline) {
      attachments.push(part);
    } else if (multipart === 'alternative') {
      if (part.type === 'text/plain') text?.push(part);
      else if (part.type === 'text/html') html?.push(part);
      else attachments.push(part);
    } else {
      if (inAlternative) {
        if (part.type === 'text/plain') html = undefined;
        if (part.type === 'text/html') text = undefined;
      }
      text?.push(part);
      html?.push(part);
      if ((text === undefined || html === undefined) && isInlineMedia(part.type)) attachments.push(part);
    }
  }
  if (multipart !== 'alternative' || text === undefined || html === undefined) return;
  if (text.length === textBefore && html.length !== htmlBefore) text.push(...html.slice(htmlBefore));
  if (html.length === htmlBefore && text.length !== textBefore) html.push(...text.slice(textBefore));
}

/** RFC 8621 §4.1.4: whether there is something that a client should offer as a file. */
export function offersAttachment(structure: BodyPart): boolean {
  return arrange(structure).attachments.some(
    ({ disposition, cid }) => disposition !== 'inline' && (cid === null || disposition !== null),
  );
}
