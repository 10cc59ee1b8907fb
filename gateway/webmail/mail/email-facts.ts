import type { IndexedEmail } from './account-index.ts';

/** Whether one of the copies has the keyword: JMAP knows one set of keywords for all of them. */
export function emailHas(email: IndexedEmail, keyword: string): boolean {
  for (const { keywords } of email.copies.values()) if (keywords.includes(keyword)) return true;
  return false;
}

export function emailKeywords(email: IndexedEmail): Record<string, true> {
  const all: Record<string, true> = {};
  for (const { keywords } of email.copies.values()) for (const keyword of keywords) all[keyword] = true;
  return all;
}

export function emailMailboxIds(email: IndexedEmail): Record<string, true> {
  const all: Record<string, true> = {};
  for (const mailbox of email.copies.keys()) all[mailbox.listed.id] = true;
  return all;
}
