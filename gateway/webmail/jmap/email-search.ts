import { imap, joined, piece, type Syntax } from '../imap/codec/command.ts';
import { listOf, octetsOf, pairsOf, readValues, textOf } from '../imap/codec/response-values.ts';
import { readSequenceSet } from '../imap/codec/sequence-set.ts';
import type { AccountIndex, IndexedEmail, IndexedMailbox } from '../mail/account-index.ts';
import { offersAttachment } from '../mail/body-part.ts';
import { readStored } from '../mail/stored-messages.ts';
import { type EmailCondition, SEARCHED } from './email-filter.ts';
import { MethodError } from './errors.ts';
import type { RequestContext } from './method.ts';

/** Words and phrases of one text. */
const MAX_TERMS = 20;

/** Asks the store which emails match the text of a condition; of one mailbox, or of all. */
export async function searchEmails(
  condition: EmailCondition,
  within: IndexedMailbox | undefined,
  index: AccountIndex,
  { session }: RequestContext,
): Promise<Set<IndexedEmail> | undefined> {
  const keys = searchKeys(condition);
  if (keys.length === 0) return undefined;
  const found = new Set<IndexedEmail>();
  const byName = new Map([...index.mailboxes.values()].map((mailbox) => [mailbox.listed.name, mailbox]));
  const where = within === undefined ? piece`personal` : piece`mailboxes ${within.listed.name}`;
  await session.read(async ({ connection }) => {
    // RFC 7377: one search of many mailboxes, none of which is selected.
    await connection.must(imap`ESEARCH IN (${where}) RETURN (ALL) ${joined(keys)}`, (response) => {
      if (!/^\* ESEARCH /i.test(response.lines[0] ?? '')) return;
      const [, , correlator, ...rest] = readValues(response, 0);
      const name = textOf(pairsOf(listOf(correlator)).get('MAILBOX'));
      const at = rest.findIndex((value) => octetsOf(value)?.toUpperCase() === 'ALL');
      const mailbox = byName.get(name ?? '');
      if (mailbox === undefined || at < 0) return;
      for (const uid of readSequenceSet(octetsOf(rest[at + 1]) ?? '')) {
        const email = mailbox.byUid.get(uid);
        if (email !== undefined) found.add(email);
      }
    });
  });
  return found;
}

/** All of them must match. */
function searchKeys(condition: EmailCondition): Syntax[] {
  const keys: Syntax[] = [];
  for (const property of SEARCHED) {
    if (property === 'header') continue;
    const text = condition[property];
    if (text !== undefined) keys.push(...termsOf(text).map((term) => piece`${KEYS[property]} ${term}`));
  }
  const { header } = condition;
  if (header !== undefined) {
    const [name = '', value = ''] = header;
    if (!/^[\x21-\x39\x3b-\x7e]{1,200}$/.test(name)) throw new MethodError('invalidArguments', 'header: not a name');
    keys.push(piece`HEADER ${name} ${value}`);
  }
  return keys;
}

const KEYS: Record<Exclude<(typeof SEARCHED)[number], 'header'>, Syntax> = {
  text: piece`TEXT`,
  from: piece`FROM`,
  to: piece`TO`,
  cc: piece`CC`,
  bcc: piece`BCC`,
  subject: piece`SUBJECT`,
  body: piece`BODY`,
};

/** RFC 8621 §4.4.1: what stands in quotes is a phrase, with `\` before quotes in it; other words count singly. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const match of text.matchAll(/"((?:[^"\\]|\\.)*)"|(?<!\S)'((?:[^'\\]|\\.)*)'(?!\S)|(\S+)/g)) {
    const phrase = match[1] ?? match[2];
    const term = phrase === undefined ? (match[3] ?? '') : phrase.replace(/\\(.)/g, '$1');
    if (term !== '') terms.push(term);
  }
  if (terms.length > MAX_TERMS) throw new MethodError('unsupportedFilter', `more than ${MAX_TERMS} words`);
  return terms;
}

/** Candidates whose structures are read for one query of attachments. */
const MAX_STRUCTURES = 20_000;

/** Learns of each of these whether it has attachments. */
export async function learnAttachments(emails: readonly IndexedEmail[], { session }: RequestContext): Promise<void> {
  const unknown = emails.filter(({ hasAttachment }) => hasAttachment === undefined);
  if (unknown.length > MAX_STRUCTURES) throw new MethodError('unsupportedFilter', 'hasAttachment over too many emails');
  const sources = await readStored(session, unknown, { fields: [], structure: true, preview: false });
  for (const email of unknown) {
    const structure = sources.get(email.id)?.structure;
    if (structure !== undefined) email.hasAttachment = offersAttachment(structure);
  }
}

const SORTS: Record<string, Syntax> = {
  from: piece`DISPLAYFROM`,
  to: piece`DISPLAYTO`,
  subject: piece`SUBJECT`,
  sentAt: piece`DATE`,
};

/** The place of each email in the order of a header field; by the mailbox of the query, or by that of all mail (RFC 5256, RFC 5957). */
export async function rankEmails(
  property: string,
  within: IndexedMailbox | undefined,
  index: AccountIndex,
  { session }: RequestContext,
): Promise<Map<IndexedEmail, number>> {
  const key = SORTS[property];
  const { all } = index.listing;
  if (key === undefined) throw new MethodError('unsupportedSort', property);
  if (within === undefined && all === undefined) throw new MethodError('unsupportedSort', 'within one mailbox only');
  const ranks = new Map<IndexedEmail, number>();
  await session.read(async (pooled) => {
    if (!(await pooled.select(within?.listed.name ?? all?.name ?? 'INBOX'))) return;
    await pooled.connection.must(imap`UID SORT (${key}) UTF-8 ALL`, ({ lines: [line = ''] }) => {
      if (!/^\* SORT /i.test(line)) return;
      for (const uid of line.slice(7).split(' ').map(Number)) {
        const email = within === undefined ? index.emails.get(`E${uid}`) : within.byUid.get(uid);
        if (email !== undefined) ranks.set(email, ranks.size);
      }
    });
  });
  return ranks;
}
