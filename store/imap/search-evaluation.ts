import { SEEN, systemFlagBit } from '../mailstore/flags.ts';
import type { FetchedMessage, Mailstore, SelectedMailbox, TextCriterion } from '../mailstore/mailstore.ts';
import { DAY_MS } from './codec/date-time.ts';
import { CommandSyntaxError } from './codec/lexer.ts';
import { decodeUtf8 } from './codec/mailbox-name.ts';
import type { DateRelation, SearchKey } from './codec/search-key.ts';
import { rangesContain } from './codec/sequence-set.ts';
import { type Numbering, sequenceRanges } from './message-set.ts';
import { objectIdIn } from './object-id.ts';

/** What a search has read of the messages already. */
interface Context extends Numbering {
  readonly mailstore: Mailstore;
}

type Key<Kind extends SearchKey['kind']> = SearchKey & { readonly kind: Kind };

/**
 * Sequence numbers of the messages that match, ascending. What the view knows is decided there; the database is asked
 * only about the messages that are left (RFC 9051 §6.4.4). Throws CommandSyntaxError when a text is not in UTF-8.
 */
export function search(mailstore: Mailstore, numbering: Numbering, key: SearchKey): Promise<number[]> {
  const { exists } = numbering.view;
  const bit = key.kind === 'flag' ? systemFlagBit(key.flag) : 0;
  if (key.kind === 'flag' && bit !== 0) return Promise.resolve(withSystemFlag(numbering.view, bit, key.set));
  const test = viewTest(numbering, key) ?? everything;
  const found: number[] = [];
  for (let sequence = 1; sequence <= exists; sequence += 1) if (test(sequence)) found.push(sequence);
  return test === everything ? searchAmong(mailstore, numbering, key, found) : Promise.resolve(found);
}

/** What clients ask most, SEARCH UNSEEN, without a call for each message. */
function withSystemFlag({ exists, columns: { flags } }: SelectedMailbox, bit: number, set: boolean): number[] {
  const wanted = set ? bit : 0;
  const found: number[] = [];
  for (let row = 0; row < exists; row += 1) if (((flags[row] as number) & bit) === wanted) found.push(row + 1);
  return found;
}

const everything = (): boolean => true;

/** The same, of some messages only. */
export function searchAmong(
  mailstore: Mailstore,
  { view, saved }: Numbering,
  key: SearchKey,
  candidates: readonly number[],
): Promise<number[]> {
  return evaluate({ mailstore, view, saved }, key, candidates);
}

/** Those of the candidates that match. */
async function evaluate(context: Context, key: SearchKey, candidates: readonly number[]): Promise<number[]> {
  if (candidates.length === 0) return [];
  const test = viewTest(context, key);
  if (test !== undefined) return candidates.filter(test);
  switch (key.kind) {
    case 'and':
      return evaluateAll(context, key.keys, candidates);
    case 'or': {
      const left = new Set(await evaluate(context, key.left, candidates));
      const rest = candidates.filter((sequence) => !left.has(sequence));
      const right = new Set(await evaluate(context, key.right, rest));
      return candidates.filter((sequence) => left.has(sequence) || right.has(sequence));
    }
    case 'not': {
      const inner = new Set(await evaluate(context, key.key, candidates));
      return candidates.filter((sequence) => !inner.has(sequence));
    }
    case 'size':
      return byMessage(context, candidates, {}, ({ sizeBytes }) =>
        key.relation === 'larger' ? sizeBytes > key.bytes : sizeBytes < key.bytes,
      );
    case 'emailid':
      return byMessage(context, candidates, {}, ({ emailId }) => objectIdIn(context.view, emailId) === key.id);
    case 'threadid':
      return byMessage(
        context,
        candidates,
        { threadId: true },
        ({ threadId }) => threadId !== undefined && objectIdIn(context.view, threadId) === key.id,
      );
    case 'date':
      return byDate(context, key, candidates);
    case 'within': {
      // RFC 5032 §2: so many seconds ago or more, or less.
      const since = Date.now() - key.seconds * 1000;
      return byMessage(context, candidates, {}, ({ internalDateMs }) =>
        key.relation === 'older' ? internalDateMs <= since : internalDateMs >= since,
      );
    }
    case 'fuzzy':
      return evaluate(context, loosened(key.key), candidates);
    case 'header':
    case 'body':
    case 'text':
      return byText(context, [key], candidates);
    default:
      throw new Error(`search key ${key.kind} is not evaluated`);
  }
}

/** Cheap keys first; all texts in one question. */
async function evaluateAll(
  context: Context,
  keys: readonly SearchKey[],
  candidates: readonly number[],
): Promise<number[]> {
  const texts = keys.filter(isText);
  const others = keys.filter((key) => !isText(key));
  const isCheap = (key: SearchKey): boolean => viewTest(context, key) !== undefined;
  let left = [...candidates];
  for (const key of others.filter(isCheap)) left = await evaluate(context, key, left);
  for (const key of others.filter((key) => !isCheap(key))) left = await evaluate(context, key, left);
  return texts.length === 0 ? left : byText(context, texts, left);
}

const isText = (key: SearchKey): key is Key<'header' | 'body' | 'text'> =>
  key.kind === 'header' || key.kind === 'body' || key.kind === 'text';

/** The test for keys that the view answers; undefined for others. */
function viewTest(numbering: Numbering, key: SearchKey): ((sequence: number) => boolean) | undefined {
  const { view } = numbering;
  const { flags, uids, modSeqs } = view.columns;
  const isRecent = (sequence: number): boolean => (uids[sequence - 1] ?? 0) >= view.recentFromUid;
  switch (key.kind) {
    case 'all':
      return () => true;
    case 'recent':
      return isRecent;
    case 'old':
      return (sequence) => !isRecent(sequence);
    case 'new':
      return (sequence) => isRecent(sequence) && ((flags[sequence - 1] ?? 0) & SEEN) === 0;
    case 'flag': {
      const bit = systemFlagBit(key.flag);
      if (bit !== 0) return (sequence) => (((flags[sequence - 1] ?? 0) & bit) !== 0) === key.set;
      const keyword = key.flag.toLowerCase();
      return (sequence) => view.keywordsAt(sequence).some((name) => name.toLowerCase() === keyword) === key.set;
    }
    case 'sequence':
    case 'uid': {
      const ranges = sequenceRanges(numbering, key.set, key.kind === 'uid');
      return (sequence) => rangesContain(ranges, sequence);
    }
    case 'modseq':
      return (sequence) => (modSeqs[sequence - 1] ?? 0) >= key.modSeq;
    default:
      return undefined;
  }
}

async function byMessage(
  { mailstore, view }: Context,
  candidates: readonly number[],
  wants: { readonly envelope?: boolean; readonly threadId?: boolean },
  test: (message: FetchedMessage) => boolean,
): Promise<number[]> {
  const uids = candidates.map((sequence) => view.uidAt(sequence) ?? 0);
  const out: number[] = [];
  for await (const page of mailstore.messages.fetch(view.mailboxId, uids, { ...wants, pageSize: 2000 })) {
    for (const message of page) if (test(message)) out.push(view.sequenceOf(message.uid));
  }
  return out.filter((sequence) => sequence > 0);
}

function byDate(context: Context, key: Key<'date'>, candidates: readonly number[]): Promise<number[]> {
  if (key.of === 'internal') {
    // INTERNALDATE is told in UTC, so its day is the one in UTC.
    return byMessage(context, candidates, {}, (message) =>
      compare(Math.floor(message.internalDateMs / DAY_MS), key.relation, key.day),
    );
  }
  if (key.of === 'saved') {
    return byMessage(context, candidates, {}, (message) =>
      compare(Math.floor(message.saveDateMs / DAY_MS), key.relation, key.day),
    );
  }
  return byMessage(context, candidates, { envelope: true }, (message) => {
    const day = sentDay(message.envelope);
    return day !== undefined && compare(day, key.relation, key.day);
  });
}

function compare(day: number, relation: DateRelation, than: number): boolean {
  if (relation === 'on') return day === than;
  return relation === 'before' ? day < than : day >= than;
}

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';

/** The day that the Date field names, its zone disregarded (RFC 9051 §6.4.4 SENTON); the date is ENVELOPE's first item. */
function sentDay(envelope: Buffer | undefined): number | undefined {
  const head = envelope?.toString('latin1', 0, 200) ?? '';
  const match = /^\((?:"|\{\d+\}\r\n)[^"\d]*(\d{1,2})[ -]+([a-z]{3})[a-z]*[ -]+(\d{2,4})/i.exec(head);
  const month = MONTHS.indexOf(match?.[2]?.toLowerCase() ?? '-');
  if (match === null || month < 0 || month % 3 !== 0) return undefined;
  const digits = match[3] ?? '';
  // RFC 5322 §4.3: years of two digits below 50 are of this century; three digits count from 1900.
  const year = Number(digits) + (digits.length === 4 ? 0 : digits.length === 2 && Number(digits) < 50 ? 2000 : 1900);
  return Date.UTC(year, month / 3, Number(match[1])) / DAY_MS;
}

async function byText(
  { mailstore, view }: Context,
  keys: readonly Key<'header' | 'body' | 'text'>[],
  candidates: readonly number[],
): Promise<number[]> {
  if (candidates.length === 0) return [];
  const criteria = keys.map((key): TextCriterion => {
    const value = decodeUtf8(key.text);
    if (value === undefined) throw new CommandSyntaxError('search text is not UTF-8');
    return key.kind === 'header' ? { kind: 'header', field: key.field, value } : { kind: key.kind, value };
  });
  const uids = candidates.map((sequence) => view.uidAt(sequence) ?? 0);
  const found = await mailstore.messages.search(view.mailboxId, uids, criteria);
  return found.map((uid) => view.sequenceOf(uid)).filter((sequence) => sequence > 0);
}

/** RFC 6203 §3: how we match loosely: each word of a text anywhere, in any order, instead of the text as a whole. */
function loosened(key: SearchKey): SearchKey {
  switch (key.kind) {
    case 'header':
    case 'body':
    case 'text': {
      const words = key.text.split(/\s+/).filter((word) => word !== '');
      return words.length < 2 ? key : { kind: 'and', keys: words.map((text) => ({ ...key, text })) };
    }
    case 'and':
      return { kind: 'and', keys: key.keys.map(loosened) };
    case 'or':
      return { kind: 'or', left: loosened(key.left), right: loosened(key.right) };
    case 'not':
      return { kind: 'not', key: loosened(key.key) };
    default:
      return key;
  }
}

/** The same key without its FUZZY: what matches it matches exactly. */
export function strict(key: SearchKey): SearchKey {
  switch (key.kind) {
    case 'fuzzy':
      return strict(key.key);
    case 'and':
      return { kind: 'and', keys: key.keys.map(strict) };
    case 'or':
      return { kind: 'or', left: strict(key.left), right: strict(key.right) };
    case 'not':
      return { kind: 'not', key: strict(key.key) };
    default:
      return key;
  }
}
