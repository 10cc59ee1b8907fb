import { z } from 'zod';
import type { IndexedEmail } from '../mail/account-index.ts';
import { emailHas } from '../mail/email-facts.ts';
import { idSchema, unsignedInt, utcDate } from './errors.ts';

const searchText = z.string().max(2_000);

/** RFC 8621 §4.4.1. */
const conditionSchema = z.strictObject({
  inMailbox: idSchema.optional(),
  inMailboxOtherThan: z.array(idSchema).max(1_000).optional(),
  before: utcDate.optional(),
  after: utcDate.optional(),
  minSize: unsignedInt.optional(),
  maxSize: unsignedInt.optional(),
  allInThreadHaveKeyword: z.string().optional(),
  someInThreadHaveKeyword: z.string().optional(),
  noneInThreadHaveKeyword: z.string().optional(),
  hasKeyword: z.string().optional(),
  notKeyword: z.string().optional(),
  hasAttachment: z.boolean().optional(),
  text: searchText.optional(),
  from: searchText.optional(),
  to: searchText.optional(),
  cc: searchText.optional(),
  bcc: searchText.optional(),
  subject: searchText.optional(),
  body: searchText.optional(),
  header: z.array(searchText).min(1).max(2).optional(),
});
export type EmailCondition = z.infer<typeof conditionSchema>;
export interface FilterOperator {
  readonly operator: 'AND' | 'OR' | 'NOT';
  readonly conditions: EmailFilter[];
}
export type EmailFilter = EmailCondition | FilterOperator;

export const emailFilterSchema: z.ZodType<EmailFilter> = z.lazy(() =>
  z.union([
    z.strictObject({ operator: z.enum(['AND', 'OR', 'NOT']), conditions: z.array(emailFilterSchema).max(200) }),
    conditionSchema,
  ]),
);

/** Conditions that the store has to answer. */
export const SEARCHED = ['text', 'from', 'to', 'cc', 'bcc', 'subject', 'body', 'header'] as const;

/** What a predicate needs beside the email. */
export interface FilterFacts {
  thread(email: IndexedEmail): readonly IndexedEmail[];
  /** Emails that the store found for a condition of text. */
  found(condition: EmailCondition): ReadonlySet<IndexedEmail> | undefined;
}

export function conditionsOf(filter: EmailFilter): EmailCondition[] {
  return 'operator' in filter ? filter.conditions.flatMap(conditionsOf) : [filter];
}

/** The mailbox in which every match must be; undefined when there is none such. */
export function mailboxOfFilter(filter: EmailFilter | undefined): string | undefined {
  if (filter === undefined) return undefined;
  if (!('operator' in filter)) return filter.inMailbox;
  if (filter.operator !== 'AND') return undefined;
  for (const each of filter.conditions) {
    const mailbox = mailboxOfFilter(each);
    if (mailbox !== undefined) return mailbox;
  }
  return undefined;
}

export function matchesFilter(email: IndexedEmail, filter: EmailFilter, facts: FilterFacts): boolean {
  if (!('operator' in filter)) return matchesCondition(email, filter, facts);
  if (filter.operator === 'AND') return filter.conditions.every((each) => matchesFilter(email, each, facts));
  const any = filter.conditions.some((each) => matchesFilter(email, each, facts));
  return filter.operator === 'OR' ? any : !any;
}

function matchesCondition(email: IndexedEmail, condition: EmailCondition, facts: FilterFacts): boolean {
  const { inMailbox, inMailboxOtherThan, before, after, minSize, maxSize, hasKeyword, notKeyword } = condition;
  if (inMailbox !== undefined && !isIn(email, (id) => id === inMailbox)) return false;
  if (inMailboxOtherThan !== undefined && !isIn(email, (id) => !inMailboxOtherThan.includes(id))) return false;
  if (before !== undefined && !(email.receivedAtMs < Date.parse(before))) return false;
  if (after !== undefined && !(email.receivedAtMs >= Date.parse(after))) return false;
  if (minSize !== undefined && email.sizeBytes < minSize) return false;
  if (maxSize !== undefined && email.sizeBytes >= maxSize) return false;
  if (hasKeyword !== undefined && !emailHas(email, hasKeyword.toLowerCase())) return false;
  if (notKeyword !== undefined && emailHas(email, notKeyword.toLowerCase())) return false;
  if (condition.hasAttachment !== undefined && (email.hasAttachment ?? false) !== condition.hasAttachment) return false;
  return matchesThread(email, condition, facts) && facts.found(condition)?.has(email) !== false;
}

function matchesThread(email: IndexedEmail, condition: EmailCondition, facts: FilterFacts): boolean {
  const all = condition.allInThreadHaveKeyword?.toLowerCase();
  const some = condition.someInThreadHaveKeyword?.toLowerCase();
  const none = condition.noneInThreadHaveKeyword?.toLowerCase();
  if (all === undefined && some === undefined && none === undefined) return true;
  const thread = facts.thread(email);
  if (all !== undefined && !thread.every((each) => emailHas(each, all))) return false;
  if (some !== undefined && !thread.some((each) => emailHas(each, some))) return false;
  return none === undefined || !thread.some((each) => emailHas(each, none));
}

function isIn(email: IndexedEmail, fits: (mailboxId: string) => boolean): boolean {
  for (const { listed } of email.copies.keys()) if (fits(listed.id)) return true;
  return false;
}
