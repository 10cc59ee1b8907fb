import { z } from 'zod';
import { imap, piece, type Syntax } from '../imap/codec/command.ts';
import type { PooledConnection } from '../imap/connection-pool.ts';
import type { AccountIndex } from '../mail/account-index.ts';
import { namesHashOf, readMailboxState } from '../mail/states.ts';
import { MAIL } from './capabilities.ts';
import { idOrReference, idSchema, MethodError, readArguments, SetFault } from './errors.ts';
import { MAILBOX_PROPERTIES, type MailboxRecord, mailboxRecord, placeOf, roleOf } from './mailbox-view.ts';
import type { Method, RequestContext } from './method.ts';
import { answerChanges, answerGet, answerSet, readChanges, setShape, windowOf, windowShape } from './standard.ts';

/** RFC 8621 §2: each IMAP mailbox of the account, but the virtual one of all mail. */
const get: Method = {
  name: 'Mailbox/get',
  capability: MAIL,
  async call(args, context) {
    const index = await context.index();
    return answerGet<MailboxRecord>(args, context, {
      state: index.mailboxState,
      allIds: index.listing.mailboxes.map(({ id }) => id),
      properties: MAILBOX_PROPERTIES,
      find(id) {
        const mailbox = index.mailboxes.get(id);
        return mailbox && mailboxRecord(mailbox, index);
      },
    });
  },
};

const COUNTS = ['totalEmails', 'unreadEmails', 'totalThreads', 'unreadThreads'];

/** RFC 8621 §2.2: a state says itself which mailboxes there were. */
const changes: Method = {
  name: 'Mailbox/changes',
  capability: MAIL,
  async call(args, context) {
    const { sinceState } = readChanges(args, context);
    const index = await context.index();
    const before = readMailboxState(sinceState);
    const now = index.listing.mailboxes.map(({ id }) => id);
    // Threads reach over mailboxes: what is read in one may change the unread threads of another.
    const updated = sinceState === index.mailboxState ? [] : now.filter((id) => before?.ids.has(id));
    const onlyCounts = before?.namesHash === namesHashOf(index.listing.mailboxes);
    const answer = answerChanges(
      args,
      context,
      index.mailboxState,
      before && {
        created: now.filter((id) => !before.ids.has(id)),
        updated,
        destroyed: [...before.ids].filter((id) => !index.mailboxes.has(id)),
      },
    );
    return { ...answer, updatedProperties: onlyCounts && updated.length > 0 ? COUNTS : null };
  },
};

const conditionSchema = z.strictObject({
  parentId: idSchema.nullish(),
  name: z.string().optional(),
  role: z.string().nullish(),
  hasAnyRole: z.boolean().optional(),
  isSubscribed: z.boolean().optional(),
});
type Condition = z.infer<typeof conditionSchema>;
type Filter = Condition | { operator: 'AND' | 'OR' | 'NOT'; conditions: Filter[] };
const filterSchema: z.ZodType<Filter> = z.lazy(() =>
  z.union([
    z.strictObject({ operator: z.enum(['AND', 'OR', 'NOT']), conditions: z.array(filterSchema) }),
    conditionSchema,
  ]),
);
const querySchema = z.strictObject({
  accountId: idSchema,
  filter: filterSchema.nullish(),
  sort: z
    .array(
      z.strictObject({ property: z.string(), isAscending: z.boolean().optional(), collation: z.string().optional() }),
    )
    .nullish(),
  sortAsTree: z.boolean().optional(),
  filterAsTree: z.boolean().optional(),
  ...windowShape,
});

/** RFC 8621 §2.3. */
const query: Method = {
  name: 'Mailbox/query',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(querySchema, args);
    context.checkAccount(read.accountId);
    const index = await context.index();
    const records = index.listing.mailboxes.flatMap(({ id }) => {
      const mailbox = index.mailboxes.get(id);
      return mailbox === undefined ? [] : [mailboxRecord(mailbox, index)];
    });
    let matching = records.filter((record) => read.filter == null || matches(record, read.filter));
    if (read.filterAsTree === true) {
      const ids = new Set(matching.map(({ id }) => id));
      const hasParents = (record: MailboxRecord): boolean =>
        record.parentId === null ||
        (ids.has(record.parentId) && hasParents(records.find(({ id }) => id === record.parentId) as MailboxRecord));
      matching = matching.filter(hasParents);
    }
    const comparators = read.sort ?? [{ property: 'sortOrder' }, { property: 'name' }];
    const compare = (a: MailboxRecord, b: MailboxRecord): number => {
      for (const { property, isAscending } of comparators) {
        const order = compareBy(property, a, b);
        if (order !== 0) return isAscending === false ? -order : order;
      }
      return a.id < b.id ? -1 : 1;
    };
    const sorted = read.sortAsTree === true ? sortTree(matching, records, compare) : matching.sort(compare);
    const ids = sorted.map(({ id }) => id);
    return {
      accountId: read.accountId,
      queryState: index.mailboxState,
      canCalculateChanges: false,
      ...windowOf(ids, read),
    };
  },
};

/** RFC 8621 §2.4, RFC 8620 §5.6: a list this short is asked for anew. */
const queryChanges: Method = {
  name: 'Mailbox/queryChanges',
  capability: MAIL,
  async call() {
    throw new MethodError('cannotCalculateChanges');
  },
};

function compareBy(property: string, a: MailboxRecord, b: MailboxRecord): number {
  if (property === 'sortOrder') return a.sortOrder - b.sortOrder;
  if (property !== 'name') throw new MethodError('unsupportedSort', property);
  return a.name.localeCompare(b.name, 'en', { sensitivity: 'accent' });
}

/** Parents before children, each among its siblings. */
function sortTree(
  matching: readonly MailboxRecord[],
  records: readonly MailboxRecord[],
  compare: (a: MailboxRecord, b: MailboxRecord) => number,
): MailboxRecord[] {
  const wanted = new Set(matching);
  const walk = (parentId: string | null): MailboxRecord[] =>
    records
      .filter((record) => record.parentId === parentId)
      .sort(compare)
      .flatMap((record) => [...(wanted.has(record) ? [record] : []), ...walk(record.id)]);
  return walk(null);
}

function matches(record: MailboxRecord, filter: Filter): boolean {
  if ('operator' in filter) {
    const results = filter.conditions.map((condition) => matches(record, condition));
    if (filter.operator === 'AND') return results.every(Boolean);
    return filter.operator === 'OR' ? results.some(Boolean) : !results.some(Boolean);
  }
  if (filter.parentId !== undefined && record.parentId !== filter.parentId) return false;
  if (filter.name !== undefined && !record.name.toLowerCase().includes(filter.name.toLowerCase())) return false;
  if (filter.role !== undefined && record.role !== filter.role) return false;
  if (filter.hasAnyRole !== undefined && (record.role !== null) !== filter.hasAnyRole) return false;
  return filter.isSubscribed === undefined || record.isSubscribed === filter.isSubscribed;
}

const settableSchema = z.strictObject({
  name: z.string().min(1).max(255),
  parentId: idOrReference.nullable(),
  role: z.enum(['archive', 'drafts', 'junk', 'sent', 'trash']).nullable(),
  isSubscribed: z.boolean(),
  sortOrder: z.int().min(0),
});
const setSchema = z.strictObject({ ...setShape, onDestroyRemoveEmails: z.boolean().optional() });

/** RFC 8621 §2.5. */
const set: Method = {
  name: 'Mailbox/set',
  capability: MAIL,
  async call(args, context) {
    const read = readArguments(setSchema, args);
    return answerSet(read, context, {
      state: async () => (await context.index()).mailboxState,
      create: (value) => create(value, context),
      update: (id, patch) => update(id, patch, context),
      destroy: (id) => destroy(id, read.onDestroyRemoveEmails === true, context),
    });
  },
};

async function create(value: Record<string, unknown>, context: RequestContext) {
  const wanted = settableSchema.partial().safeParse(value);
  if (!wanted.success || wanted.data.name === undefined) throw invalid(wanted.error);
  const { name, parentId = null, role = null, isSubscribed = true } = wanted.data;
  const index = await context.index();
  const full = fullName(name, parentId, index, context);
  const used: Syntax = role === null ? piece`` : piece` (USE (${useOf(role)}))`;
  await context.session.write(async ({ connection }) => {
    await refuseTaken(full, index);
    await connection.must(imap`CREATE ${full}${used}`);
    if (isSubscribed) await connection.must(imap`SUBSCRIBE ${full}`);
  });
  context.changed();
  const now = await context.index();
  const made = now.listing.mailboxes.find((each) => each.name === full);
  const mailbox = made && now.mailboxes.get(made.id);
  if (mailbox === undefined) throw new SetFault('invalidProperties', 'the mailbox is gone again');
  const record = mailboxRecord(mailbox, now);
  const { name: _, parentId: __, ...serverSet } = record;
  return serverSet;
}

async function update(id: string, patch: Record<string, unknown>, context: RequestContext): Promise<null> {
  const wanted = settableSchema.partial().safeParse(patch);
  if (!wanted.success) throw invalid(wanted.error);
  const index = await context.index();
  const listed = index.mailboxes.get(id)?.listed;
  if (listed === undefined) throw new SetFault('notFound');
  const { name, parentId, role, isSubscribed } = wanted.data;
  const place = placeOf(listed, index.listing.mailboxes);
  const moves = (name !== undefined && name !== place.name) || (parentId !== undefined && parentId !== place.parentId);
  if (moves && roleOf(listed) === 'inbox') throw new SetFault('forbidden', 'the inbox stays where it is');
  const full = moves
    ? fullName(name ?? place.name, parentId === undefined ? place.parentId : parentId, index, context)
    : listed.name;
  if (moves && full.startsWith(listed.name + listed.separator)) {
    throw new SetFault('invalidProperties', 'not below itself', { properties: ['parentId'] });
  }
  await context.session.write(async (pooled) => {
    const { connection } = pooled;
    if (moves) {
      await refuseTaken(full, index);
      await pooled.unselect();
      await connection.must(imap`RENAME ${listed.name} ${full}`);
      // Subscriptions are of names (RFC 9051 §6.3.6); JMAP’s follow the mailbox.
      if (listed.subscribed) {
        await connection.must(imap`UNSUBSCRIBE ${listed.name}`);
        await connection.must(imap`SUBSCRIBE ${full}`);
      }
    }
    if (role !== undefined && role !== roleOf(listed)) await setRole(pooled, full, role);
    if (isSubscribed === true) await connection.must(imap`SUBSCRIBE ${full}`);
    if (isSubscribed === false) await connection.must(imap`UNSUBSCRIBE ${full}`);
  });
  context.changed();
  return null;
}

async function setRole({ connection }: PooledConnection, name: string, role: string | null): Promise<void> {
  const value: Syntax | string = role === null ? piece`NIL` : `\\${role.charAt(0).toUpperCase()}${role.slice(1)}`;
  await connection.must(imap`SETMETADATA ${name} (/private/specialuse ${value})`);
}

async function destroy(id: string, withEmails: boolean, context: RequestContext): Promise<void> {
  const index = await context.index();
  const mailbox = index.mailboxes.get(id);
  if (mailbox === undefined) throw new SetFault('notFound');
  const { listed } = mailbox;
  if (roleOf(listed) === 'inbox') throw new SetFault('forbidden', 'the inbox stays');
  const below = listed.name + listed.separator;
  if (index.listing.mailboxes.some(({ name }) => name.startsWith(below))) throw new SetFault('mailboxHasChild');
  if (!withEmails && mailbox.byUid.size > 0) throw new SetFault('mailboxHasEmail');
  await context.session.write(async (pooled) => {
    await pooled.unselect();
    await pooled.connection.must(imap`DELETE ${listed.name}`);
    if (listed.subscribed) await pooled.connection.must(imap`UNSUBSCRIBE ${listed.name}`);
  });
  context.changed();
}

function refuseTaken(name: string, index: AccountIndex): void {
  const taken = index.listing.mailboxes.find((each) => each.name === name);
  if (taken !== undefined) throw new SetFault('alreadyExists', 'this name is taken', { existingId: taken.id });
}

function fullName(name: string, parentId: string | null, index: AccountIndex, context: RequestContext): string {
  const parent = parentId === null ? undefined : index.mailboxes.get(context.resolve(parentId) ?? '')?.listed;
  if (parentId !== null && parent === undefined) {
    throw new SetFault('invalidProperties', 'no such parent', { properties: ['parentId'] });
  }
  const separator = parent?.separator ?? index.listing.mailboxes[0]?.separator ?? '/';
  // A name is one level; controls and what LIST reads as a pattern make names that clients cannot show or ask for.
  if (name.includes(separator) || /[\x00-\x1f\x7f%*]/.test(name) || name !== name.trim() || !name.isWellFormed()) {
    throw new SetFault('invalidProperties', 'not a name of a mailbox', { properties: ['name'] });
  }
  const normal = name.normalize('NFC');
  return parent === undefined ? normal : `${parent.name}${separator}${normal}`;
}

const USES: Record<string, Syntax> = {
  archive: piece`\\Archive`,
  drafts: piece`\\Drafts`,
  junk: piece`\\Junk`,
  sent: piece`\\Sent`,
  trash: piece`\\Trash`,
};
const useOf = (role: string): Syntax => USES[role] ?? piece``;

function invalid(error: z.ZodError | undefined): SetFault {
  const properties = [
    ...new Set(
      error?.issues.flatMap(({ path, ...issue }) => ('keys' in issue ? issue.keys : path.slice(0, 1).map(String))) ?? [
        'name',
      ],
    ),
  ];
  return new SetFault('invalidProperties', 'not settable, or not a value of it', { properties });
}

export const MAILBOX_METHODS: readonly Method[] = [get, changes, query, queryChanges, set];
