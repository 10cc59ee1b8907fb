import { z } from 'zod';
import type { AccountIndex, IndexedEmail, IndexedMailbox } from '../mail/account-index.ts';
import { emailHas } from '../mail/email-facts.ts';
import { MAIL } from './capabilities.ts';
import { compareIds } from './email.ts';
import { emailChangesSince, threadsOf } from './email-changes.ts';
import {
  conditionsOf,
  type EmailCondition,
  type EmailFilter,
  emailFilterSchema,
  type FilterFacts,
  mailboxOfFilter,
  matchesFilter,
  SEARCHED,
} from './email-filter.ts';
import { learnAttachments, rankEmails, searchEmails } from './email-search.ts';
import { idSchema, MethodError, readArguments } from './errors.ts';
import type { Method, RequestContext } from './method.ts';
import { windowOf, windowShape } from './standard.ts';

const comparatorSchema = z.strictObject({
  property: z.string(),
  isAscending: z.boolean().optional(),
  collation: z.string().optional(),
  keyword: z.string().optional(),
});
type Comparator = z.infer<typeof comparatorSchema>;

const queryShape = {
  accountId: idSchema,
  filter: emailFilterSchema.nullish(),
  sort: z.array(comparatorSchema).max(10).nullish(),
  collapseThreads: z.boolean().optional(),
};
const querySchema = z.strictObject({ ...queryShape, ...windowShape });
type Query = Pick<z.infer<typeof querySchema>, 'filter' | 'sort' | 'collapseThreads'>;

/** RFC 8621 §4.4. */
const query: Method = {
  name: 'Email/query',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(querySchema, args);
    context.checkAccount(read.accountId);
    const index = await context.index();
    const emails = await runQuery(read, index, context);
    const ids = emails.map(({ id }) => id);
    return {
      accountId: read.accountId,
      queryState: index.emailState,
      canCalculateChanges: true,
      ...windowOf(ids, read),
    };
  },
};

const queryChangesSchema = z.strictObject({
  ...queryShape,
  sinceQueryState: z.string(),
  maxChanges: z.int().min(1).nullish(),
  upToId: idSchema.nullish(),
  calculateTotal: z.boolean().optional(),
});

/**
 * RFC 8621 §4.5, RFC 8620 §5.6: what was touched is removed, and added again where it stands now; nothing else moves. Where threads
 * count, all emails of a touched thread may have moved.
 */
const queryChanges: Method = {
  name: 'Email/queryChanges',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(queryChangesSchema, args);
    context.checkAccount(read.accountId);
    const index = await context.index();
    const since = await emailChangesSince(index, read.sinceQueryState, context);
    const threads = since && (countsThreads(read) ? threadsOf(since, index) : new Set<string>());
    if (since === undefined || threads === undefined) throw new MethodError('cannotCalculateChanges');
    const ids = (await runQuery(read, index, context)).map(({ id }) => id);
    const touched = new Set([...since.created, ...since.updated]);
    for (const id of threads) for (const email of index.threads.get(id) ?? []) touched.add(email.id);
    const removed = [...touched, ...since.destroyed.keys()].filter((id) => !since.created.has(id));
    const added = ids.flatMap((id, at) => (touched.has(id) ? [{ id, index: at }] : []));
    if (read.maxChanges != null && removed.length + added.length > read.maxChanges) {
      throw new MethodError('tooManyChanges');
    }
    return {
      accountId: read.accountId,
      oldQueryState: read.sinceQueryState,
      newQueryState: index.emailState,
      removed,
      added,
      ...(read.calculateTotal === true ? { total: ids.length } : {}),
    };
  },
};

/** Whether what happens to one email of a thread may move another. */
function countsThreads({ filter, sort, collapseThreads }: Query): boolean {
  if (collapseThreads === true) return true;
  const names = [
    ...(filter == null ? [] : conditionsOf(filter)).flatMap((condition) => Object.keys(condition)),
    ...(sort ?? []).map(({ property }) => property),
  ];
  return names.some((name) => name.endsWith('InThreadHaveKeyword'));
}

/** A page after the other of the same list is asked for; a few lists at a time. */
const MAX_RESULTS = 4;

/** The whole result, sorted, threads collapsed. */
export async function runQuery(
  query: Query,
  index: AccountIndex,
  context: RequestContext,
): Promise<readonly IndexedEmail[]> {
  if (!isOfIndexAlone(query)) return newResult(query, index, context);
  const { filter = null, sort = null, collapseThreads = false } = query;
  const key = JSON.stringify([filter, sort, collapseThreads]);
  const known = index.results.get(key);
  if (known !== undefined) return known;
  const result = await newResult(query, index, context);
  for (const oldest of index.results.keys()) {
    if (index.results.size < MAX_RESULTS) break;
    index.results.delete(oldest);
  }
  index.results.set(key, result);
  return result;
}

/** Where the store is asked, the answer may be another one each time, and the index may change meanwhile. */
function isOfIndexAlone({ filter, sort }: Query): boolean {
  const asksStore = (condition: EmailCondition): boolean =>
    condition.hasAttachment !== undefined || SEARCHED.some((name) => condition[name] !== undefined);
  const isSortedHere = ({ property }: Comparator): boolean => /^(?:receivedAt|size|\w*Keyword)$/.test(property);
  return !(filter == null ? [] : conditionsOf(filter)).some(asksStore) && (sort ?? []).every(isSortedHere);
}

async function newResult(
  { filter, sort, collapseThreads }: Query,
  index: AccountIndex,
  context: RequestContext,
): Promise<IndexedEmail[]> {
  const wanted = filter ?? undefined;
  const mailboxId = mailboxOfFilter(wanted);
  const within = mailboxId === undefined ? undefined : index.mailboxes.get(mailboxId);
  if (mailboxId !== undefined && within === undefined) return [];
  const candidates = within === undefined ? [...index.emails.values()] : [...new Set(within.byUid.values())];
  const matching = wanted === undefined ? candidates : await filtered(candidates, wanted, within, index, context);
  const compare = await comparison(sort ?? [], within, index, context);
  const sorted = matching.sort(compare);
  if (collapseThreads !== true) return sorted;
  const seen = new Set<string>();
  return sorted.filter(({ threadId }) => !seen.has(threadId) && seen.add(threadId));
}

async function filtered(
  candidates: IndexedEmail[],
  filter: EmailFilter,
  within: IndexedMailbox | undefined,
  index: AccountIndex,
  context: RequestContext,
): Promise<IndexedEmail[]> {
  const conditions = conditionsOf(filter);
  const found = new Map<EmailCondition, Set<IndexedEmail>>();
  for (const condition of conditions) {
    const result = await searchEmails(condition, within, index, context);
    if (result !== undefined) found.set(condition, result);
  }
  const facts: FilterFacts = {
    thread: (email) => index.threads.get(email.threadId) ?? [email],
    found: (condition) => found.get(condition),
  };
  if (conditions.some(({ hasAttachment }) => hasAttachment !== undefined)) {
    // Only what fits otherwise is looked into.
    const others =
      'operator' in filter
        ? candidates
        : candidates.filter((email) =>
            matchesFilter(email, { ...filter, hasAttachment: undefined }, { ...facts, found: () => found.get(filter) }),
          );
    await learnAttachments(others, context);
  }
  return candidates.filter((email) => matchesFilter(email, filter, facts));
}

type Compare = (a: IndexedEmail, b: IndexedEmail) => number;

/** Newest first unless something else is asked for; the same order for the same emails every time (RFC 8620 §5.5). */
async function comparison(
  sort: readonly Comparator[],
  within: IndexedMailbox | undefined,
  index: AccountIndex,
  context: RequestContext,
): Promise<Compare> {
  const compares: Compare[] = [];
  for (const comparator of sort) {
    const compare = await compareBy(comparator, within, index, context);
    compares.push(comparator.isAscending === false ? (a, b) => compare(b, a) : compare);
  }
  const newestFirst: Compare = (a, b) => b.receivedAtMs - a.receivedAtMs;
  if (compares.length === 0) compares.push(newestFirst);
  const ascending = sort[0]?.property === 'receivedAt' && sort[0].isAscending !== false;
  compares.push(ascending ? (a, b) => compareIds(a.id, b.id) : (a, b) => compareIds(b.id, a.id));
  return (a, b) => {
    for (const compare of compares) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

async function compareBy(
  { property, keyword, collation }: Comparator,
  within: IndexedMailbox | undefined,
  index: AccountIndex,
  context: RequestContext,
): Promise<Compare> {
  if (collation !== undefined && !/^i;(?:ascii|unicode)-casemap$/.test(collation)) {
    throw new MethodError('unsupportedSort', collation);
  }
  if (property === 'receivedAt') return (a, b) => a.receivedAtMs - b.receivedAtMs;
  if (property === 'size') return (a, b) => a.sizeBytes - b.sizeBytes;
  if (property.endsWith('Keyword') || property.endsWith('HaveKeyword')) {
    if (keyword === undefined) throw new MethodError('invalidArguments', 'sort: a keyword is missing');
    const name = keyword.toLowerCase();
    const thread = (email: IndexedEmail): readonly IndexedEmail[] => index.threads.get(email.threadId) ?? [email];
    const has: Record<string, (email: IndexedEmail) => boolean> = {
      hasKeyword: (email) => emailHas(email, name),
      allInThreadHaveKeyword: (email) => thread(email).every((each) => emailHas(each, name)),
      someInThreadHaveKeyword: (email) => thread(email).some((each) => emailHas(each, name)),
    };
    const value = has[property];
    if (value === undefined) throw new MethodError('unsupportedSort', property);
    return (a, b) => Number(value(a)) - Number(value(b));
  }
  const ranks = await rankEmails(property, within, index, context);
  return (a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0);
}

export const EMAIL_QUERY_METHODS: readonly Method[] = [query, queryChanges];
