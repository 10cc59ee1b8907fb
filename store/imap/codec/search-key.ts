import { readDate } from './date-time.ts';
import type { ArgumentReader } from './lexer.ts';
import { readSearchReturn, type SearchReturn } from './search-return.ts';
import type { SequenceSet } from './sequence-set.ts';

export type DateRelation = 'before' | 'on' | 'since';

/** RFC 9051 §6.4.4 search-key as a value. Text is latin1 octets, in the command's charset. */
export type SearchKey =
  | { readonly kind: 'all' }
  /** \Recent and the keys made of it (RFC 3501 §6.4.4): `new` is recent and unseen, `old` is not recent. */
  | { readonly kind: 'recent' | 'new' | 'old' }
  /** A flag is set or not: `\Seen` as well as a keyword. */
  | { readonly kind: 'flag'; readonly flag: string; readonly set: boolean }
  | { readonly kind: 'sequence' | 'uid'; readonly set: SequenceSet }
  /** `field` without its colon; an empty text asks for the field's presence. */
  | { readonly kind: 'header'; readonly field: string; readonly text: string }
  | { readonly kind: 'body' | 'text'; readonly text: string }
  /** `day` in days since 1970-01-01; `sent` is the Date field, `internal` INTERNALDATE. */
  | {
      readonly kind: 'date';
      readonly of: 'internal' | 'sent' | 'saved';
      readonly relation: DateRelation;
      readonly day: number;
    }
  /** RFC 8474 §6: the id as it was told. */
  | { readonly kind: 'emailid' | 'threadid'; readonly id: string }
  | { readonly kind: 'size'; readonly relation: 'larger' | 'smaller'; readonly bytes: number }
  /** RFC 5032: INTERNALDATE lies within so many seconds before now, or further back. */
  | { readonly kind: 'within'; readonly relation: 'older' | 'younger'; readonly seconds: number }
  /** RFC 7162 §3.1.5: the mod-sequence is this or a higher one. */
  | { readonly kind: 'modseq'; readonly modSeq: number }
  /** RFC 6203 §3: the key may be matched loosely. */
  | { readonly kind: 'fuzzy'; readonly key: SearchKey }
  | { readonly kind: 'not'; readonly key: SearchKey }
  | { readonly kind: 'or'; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly kind: 'and'; readonly keys: readonly SearchKey[] };

/** Arguments of SEARCH (and of UID SEARCH). */
export interface SearchProgram {
  /** What RETURN (…) asks for; undefined without it. */
  readonly returns: SearchReturn | undefined;
  /** Upper-cased; undefined is US-ASCII (or UTF-8 under IMAP4rev2). */
  readonly charset: string | undefined;
  readonly key: SearchKey;
}

const FLAGS: Record<string, string> = {
  ANSWERED: '\\Answered',
  DELETED: '\\Deleted',
  DRAFT: '\\Draft',
  FLAGGED: '\\Flagged',
  SEEN: '\\Seen',
};

const FIELDS = new Set(['BCC', 'CC', 'FROM', 'SUBJECT', 'TO']);

/** Keys that something follows, beside those of {@link FIELDS} and {@link DATES}. */
const WITH_ARGUMENT = new Set([
  ...['KEYWORD', 'UNKEYWORD', 'BODY', 'TEXT', 'HEADER', 'LARGER', 'SMALLER', 'UID', 'EMAILID', 'THREADID'],
  ...['NOT', 'OR', 'OLDER', 'YOUNGER', 'MODSEQ', 'FUZZY'],
]);

const DATES: Record<string, readonly ['internal' | 'sent' | 'saved', DateRelation]> = {
  BEFORE: ['internal', 'before'],
  ON: ['internal', 'on'],
  SINCE: ['internal', 'since'],
  SENTBEFORE: ['sent', 'before'],
  SENTON: ['sent', 'on'],
  SENTSINCE: ['sent', 'since'],
  // RFC 8514 §4.3.
  SAVEDBEFORE: ['saved', 'before'],
  SAVEDON: ['saved', 'on'],
  SAVEDSINCE: ['saved', 'since'],
};

/** What follows `SEARCH `: what to return and a charset, both optional, then the keys. */
export function readSearchProgram(args: ArgumentReader): SearchProgram {
  const returns = readSearchReturn(args);
  let charset: string | undefined;
  if (args.take('CHARSET ')) {
    charset = args.astring().toUpperCase();
    args.space();
  }
  return { returns, charset, key: readSearchKeys(args) };
}

/** One key or more up to the end, all of which must match. */
export function readSearchKeys(args: ArgumentReader): SearchKey {
  const keys = [readSearchKey(args)];
  while (!args.atEnd) {
    args.space();
    keys.push(readSearchKey(args));
  }
  return keys.length === 1 && keys[0] !== undefined ? keys[0] : { kind: 'and', keys };
}

/** Whether any part of the key satisfies the test. */
export function someKey(key: SearchKey, test: (key: SearchKey) => boolean): boolean {
  if (test(key)) return true;
  switch (key.kind) {
    case 'and':
      return key.keys.some((each) => someKey(each, test));
    case 'or':
      return someKey(key.left, test) || someKey(key.right, test);
    case 'not':
    case 'fuzzy':
      return someKey(key.key, test);
    default:
      return false;
  }
}

function readSearchKey(args: ArgumentReader): SearchKey {
  const next = args.peek();
  if (next === '(') return { kind: 'and', keys: args.list(() => readSearchKey(args), true) };
  if (/[\d*$]/.test(next)) return { kind: 'sequence', set: args.sequenceSet() };
  return args.nested(() => readNamedKey(args, args.keyword()));
}

function readNamedKey(args: ArgumentReader, name: string): SearchKey {
  const flag = FLAGS[name];
  if (flag !== undefined) return { kind: 'flag', flag, set: true };
  const unset = name.startsWith('UN') ? FLAGS[name.slice(2)] : undefined;
  if (unset !== undefined) return { kind: 'flag', flag: unset, set: false };
  switch (name) {
    case 'ALL':
      return { kind: 'all' };
    case 'NEW':
      return { kind: 'new' };
    case 'OLD':
      return { kind: 'old' };
    case 'RECENT':
      return { kind: 'recent' };
    case 'SAVEDATESUPPORTED':
      // RFC 8514 §4.3: every mailbox here keeps save dates.
      args.require('SAVEDATE', `search key ${name}`);
      return { kind: 'all' };
    default:
      break;
  }
  if (!FIELDS.has(name) && DATES[name] === undefined && !WITH_ARGUMENT.has(name))
    args.fail(`unknown search key ${name}`);
  args.space();
  if (FIELDS.has(name)) return { kind: 'header', field: name, text: args.astring() };
  const date = DATES[name];
  if (date !== undefined) {
    if (date[0] === 'saved') args.require('SAVEDATE', `search key ${name}`);
    return { kind: 'date', of: date[0], relation: date[1], day: readDate(args) };
  }
  switch (name) {
    case 'KEYWORD':
      return { kind: 'flag', flag: args.atom(), set: true };
    case 'UNKEYWORD':
      return { kind: 'flag', flag: args.atom(), set: false };
    case 'BODY':
      return { kind: 'body', text: args.astring() };
    case 'TEXT':
      return { kind: 'text', text: args.astring() };
    case 'LARGER':
      return { kind: 'size', relation: 'larger', bytes: args.number64() };
    case 'SMALLER':
      return { kind: 'size', relation: 'smaller', bytes: args.number64() };
    case 'UID':
      return { kind: 'uid', set: args.sequenceSet() };
    case 'EMAILID':
    case 'THREADID':
      args.require('OBJECTID', `search key ${name}`);
      return { kind: name === 'EMAILID' ? 'emailid' : 'threadid', id: args.atom() };
    case 'NOT':
      return { kind: 'not', key: readSearchKey(args) };
    case 'OLDER':
    case 'YOUNGER':
      args.require('WITHIN', `search key ${name}`);
      return { kind: 'within', relation: name === 'OLDER' ? 'older' : 'younger', seconds: args.nzNumber() };
    case 'MODSEQ':
      args.require('CONDSTORE', 'search key MODSEQ');
      return { kind: 'modseq', modSeq: readSearchModSeq(args) };
    case 'FUZZY':
      args.require('SEARCH=FUZZY', 'search key FUZZY');
      return { kind: 'fuzzy', key: readSearchKey(args) };
    case 'HEADER': {
      const field = args.astring();
      args.space();
      return { kind: 'header', field, text: args.astring() };
    }
    case 'OR': {
      const left = readSearchKey(args);
      args.space();
      return { kind: 'or', left, right: readSearchKey(args) };
    }
    default:
      return args.fail(`unknown search key ${name}`);
  }
}

/** RFC 7162 §3.1.5: `["/flags/\\Seen" all] 620162338`; all flags share a mod-sequence, so that the entry says nothing. */
function readSearchModSeq(args: ArgumentReader): number {
  if (args.peek() === '"') {
    args.string();
    args.space();
    const type = args.keyword();
    if (type !== 'PRIV' && type !== 'SHARED' && type !== 'ALL') args.fail('expected priv, shared or all');
    args.space();
  }
  return args.number64();
}
