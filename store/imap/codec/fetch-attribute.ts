import type { ArgumentReader } from './lexer.ts';
import { isAtom } from './octets.ts';

/** What of a part is asked for; undefined is the part itself, whole. */
export type SectionText = 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME';

/** RFC 9051 §6.4.5.1 section-spec: `1.2.HEADER.FIELDS (From To)`. */
export interface Section {
  /** Part numbers from 1; empty is the message. */
  readonly part: readonly number[];
  readonly text: SectionText | undefined;
  /** Field names as the client wrote them; empty unless HEADER.FIELDS or HEADER.FIELDS.NOT. */
  readonly fields: readonly string[];
}

/** `<offset.count>` of BODY[…]: octets. */
export interface Partial {
  readonly offset: number;
  readonly count: number;
}

/** RFC 9051 §9 fetch-att as a value. */
export type FetchAttribute =
  | { readonly kind: 'flags' | 'uid' | 'modseq' | 'internaldate' | 'size' | 'envelope' | 'body' | 'bodystructure' }
  /** RFC 8474, RFC 8514, RFC 8970. */
  | { readonly kind: 'emailid' | 'threadid' | 'savedate' | 'preview' }
  /** RFC 3516: the part without its transfer encoding, or the size of that. */
  | {
      readonly kind: 'binary' | 'binary-size';
      readonly section: Section;
      readonly peek: boolean;
      readonly partial: Partial | undefined;
      readonly label: string;
    }
  | {
      readonly kind: 'section';
      readonly section: Section;
      /** False sets \Seen. */
      readonly peek: boolean;
      readonly partial: Partial | undefined;
      /** The item's name in the response: `BODY[1.MIME]<0>`, `RFC822.HEADER`. */
      readonly label: string;
    };

const WHOLE: Section = { part: [], text: undefined, fields: [] };

const SIMPLE: Record<string, FetchAttribute> = {
  FLAGS: { kind: 'flags' },
  UID: { kind: 'uid' },
  INTERNALDATE: { kind: 'internaldate' },
  'RFC822.SIZE': { kind: 'size' },
  ENVELOPE: { kind: 'envelope' },
  BODYSTRUCTURE: { kind: 'bodystructure' },
  // RFC 3501 §6.4.5: the three old names differ from BODY[…] in the name of the response alone.
  RFC822: { kind: 'section', section: WHOLE, peek: false, partial: undefined, label: 'RFC822' },
  'RFC822.HEADER': {
    kind: 'section',
    section: { ...WHOLE, text: 'HEADER' },
    peek: true,
    partial: undefined,
    label: 'RFC822.HEADER',
  },
  'RFC822.TEXT': {
    kind: 'section',
    section: { ...WHOLE, text: 'TEXT' },
    peek: false,
    partial: undefined,
    label: 'RFC822.TEXT',
  },
};

const FAST: readonly FetchAttribute[] = [{ kind: 'flags' }, { kind: 'internaldate' }, { kind: 'size' }];
const MACROS: Record<string, readonly FetchAttribute[]> = {
  FAST,
  ALL: [...FAST, { kind: 'envelope' }],
  FULL: [...FAST, { kind: 'envelope' }, { kind: 'body' }],
};

/** The items of a FETCH: one, a list of them, or a macro (which stands alone). */
export function readFetchAttributes(args: ArgumentReader): readonly FetchAttribute[] {
  // Not atom(): `[` is an atom's character too.
  if (args.peek() === '(') return args.list(() => readFetchAttribute(args, args.wordWithPoints()), true);
  const name = args.wordWithPoints();
  return MACROS[name] ?? [readFetchAttribute(args, name)];
}

function readFetchAttribute(args: ArgumentReader, name: string): FetchAttribute {
  if (name === 'MODSEQ') {
    args.require('CONDSTORE', 'fetch item MODSEQ');
    return { kind: 'modseq' };
  }
  const simple = SIMPLE[name];
  if (simple !== undefined) return simple;
  if ((name === 'BODY' || name === 'BODY.PEEK') && args.take('[')) {
    const section = readSection(args);
    args.expect(']');
    const partial = readPartial(args);
    const origin = partial === undefined ? '' : `<${partial.offset}>`;
    return {
      kind: 'section',
      section,
      peek: name === 'BODY.PEEK',
      partial,
      label: `BODY[${formatSection(section)}]${origin}`,
    };
  }
  if (name === 'BODY') return { kind: 'body' };
  if (name.startsWith('BINARY') && args.offers('BINARY') && args.take('[')) return readBinary(args, name);
  if ((name === 'EMAILID' || name === 'THREADID') && args.offers('OBJECTID')) {
    return { kind: name === 'EMAILID' ? 'emailid' : 'threadid' };
  }
  if (name === 'SAVEDATE' && args.offers('SAVEDATE')) return { kind: 'savedate' };
  if (name === 'PREVIEW' && args.offers('PREVIEW')) {
    // RFC 8970 §4.1: LAZY allows NIL where a preview takes time; here none does.
    args.take(' (LAZY)');
    return { kind: 'preview' };
  }
  return args.fail(`unknown fetch item ${name}`);
}

/** RFC 3516 §7: `BINARY[1.2]<0.100>`, `BINARY.SIZE[1.2]`; numbers alone name the part. */
function readBinary(args: ArgumentReader, name: string): FetchAttribute {
  const size = name === 'BINARY.SIZE';
  if (!size && name !== 'BINARY' && name !== 'BINARY.PEEK') args.fail(`unknown fetch item ${name}`);
  const section = readSection(args);
  if (section.text !== undefined) args.fail('bad section');
  args.expect(']');
  const partial = size ? undefined : readPartial(args);
  const origin = partial === undefined ? '' : `<${partial.offset}>`;
  return {
    kind: size ? 'binary-size' : 'binary',
    section,
    peek: name !== 'BINARY',
    partial,
    label: `${size ? name : 'BINARY'}[${formatSection(section)}]${origin}`,
  };
}

/** What stands between the brackets of BODY[…]. */
export function readSection(args: ArgumentReader): Section {
  const part: number[] = [];
  if (args.peek() === ']') return { part, text: undefined, fields: [] };
  while (/\d/.test(args.peek())) {
    part.push(args.nzNumber());
    if (part.length > 100) args.fail('part number too deep');
    if (!args.take('.')) return { part, text: undefined, fields: [] };
  }
  for (const text of ['HEADER.FIELDS.NOT', 'HEADER.FIELDS', 'HEADER', 'TEXT'] as const) {
    if (!args.take(text)) continue;
    if (!text.startsWith('HEADER.')) return { part, text, fields: [] };
    args.space();
    return { part, text, fields: args.list(() => args.astring(), true) };
  }
  // RFC 9051 §6.4.5.1: MIME needs a part number before it.
  if (part.length > 0 && args.take('MIME')) return { part, text: 'MIME', fields: [] };
  return args.fail('bad section');
}

function readPartial(args: ArgumentReader): Partial | undefined {
  if (!args.take('<')) return undefined;
  const offset = args.number64();
  args.expect('.');
  const count = args.nzNumber(Number.MAX_SAFE_INTEGER);
  args.expect('>');
  return { offset, count };
}

/** The section as the response names it. */
function formatSection(section: Section): string {
  const pieces = section.part.map(String);
  if (section.text !== undefined) pieces.push(section.text);
  const fields = section.fields.map((f) => (isAtom(f) ? f : `"${f.replace(/["\\]/g, '\\$&')}"`));
  return fields.length > 0 ? `${pieces.join('.')} (${fields.join(' ')})` : pieces.join('.');
}
