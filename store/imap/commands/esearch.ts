import type { ArgumentReader } from '../codec/lexer.ts';
import { type MailboxFilter, readMailboxFilters } from '../codec/mailbox-filter.ts';
import { SEPARATOR } from '../codec/mailbox-pattern.ts';
import { ResponseWriter } from '../codec/response.ts';
import { readSearchProgram, type SearchProgram, someKey } from '../codec/search-key.ts';
import { RETURN_ALL } from '../codec/search-return.ts';
import { bad, no, ok } from '../completion.ts';
import { decodeName, writeName } from '../mailbox-argument.ts';
import type { Numbering } from '../message-set.ts';
import { allMailboxes, type ReachedMailbox, reachAllMail } from '../namespaces.ts';
import { seenOf } from '../rights.ts';
import { writeEsearch } from '../search-response.ts';
import { charsetFault, find, follow, keep, resultOf } from '../searching.ts';
import type { Session } from '../session.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** Mailboxes that one command may search (RFC 7377 §2.4). */
const MAX_MAILBOXES = 1000;

interface Arguments extends SearchProgram {
  readonly filters: readonly MailboxFilter[];
}

/** RFC 7377 §2: SEARCH in many mailboxes, answered by UIDs, a response for each mailbox in which something was found. */
export const esearch: Command<Arguments> = {
  name: 'ESEARCH',
  states: SIGNED_IN,
  expunges: ({ key }) => !someKey(key, ({ kind }) => kind === 'sequence'),
  counts: ({ key }) => someKey(key, ({ kind }) => kind === 'sequence'),
  capability: 'MULTISEARCH',
  read(args: ArgumentReader) {
    args.space();
    let filters: readonly MailboxFilter[] = [{ kind: 'selected' }];
    if (args.take('IN ')) {
      filters = readMailboxFilters(args);
      args.space();
    }
    return { filters, ...readSearchProgram(args) };
  },
  async act(session, program) {
    const refused = charsetFault(session, program);
    if (refused !== undefined) return refused;
    const { filters, returns, key } = program;
    const onlySelected = filters.every(({ kind }) => kind === 'selected');
    const searchesSelected = filters.some(({ kind }) => kind === 'selected');
    if (searchesSelected && session.state !== 'selected') return bad('No mailbox selected');
    // RFC 7377 §2.2: what is kept and what is followed belongs to the selected mailbox.
    if ((returns?.save === true || returns?.update === true) && !onlySelected)
      return bad('Only of the selected mailbox');
    const mailboxes = await resolve(session, filters);
    if (mailboxes.length > MAX_MAILBOXES) return no('LIMIT', 'Too many mailboxes');
    if (searchesSelected) {
      const again = follow.refused(session, program);
      if (again !== undefined) return again;
      const { selected } = session;
      const found = await find(session, selected, key);
      keep(session, program, found);
      await tell(session, program, { ...selected, name: selected.name }, found);
      follow.begin(session, program, found, true);
    }
    for (const mailbox of mailboxes) {
      if (searchesSelected && mailbox.id === session.selected.view.mailboxId) continue;
      const view = await session.mailstore.mailboxes.open(mailbox.id, {
        claimRecent: false,
        seenOf: seenOf(session, mailbox),
      });
      if (view === undefined) continue;
      try {
        const numbering = { view, saved: [], name: mailbox.name };
        await tell(session, program, numbering, await find(session, numbering, key));
      } finally {
        view.close();
      }
      await session.flow();
    }
    return ok('ESEARCH completed');
  },
};

/** RFC 7377 §2.1: nothing is said of a mailbox in which nothing was found. */
async function tell(
  session: Session,
  program: SearchProgram,
  mailbox: Numbering & { readonly name: string },
  found: readonly number[],
): Promise<void> {
  if (found.length === 0) return;
  const name = new ResponseWriter();
  writeName(session, name, mailbox.name);
  const octets = Buffer.concat([...name.takeFilled(true)].map(({ piece, length }) => piece.subarray(0, length)));
  const correlator = ` MAILBOX ${octets.toString('latin1')} UIDVALIDITY ${mailbox.view.uidValidity}`;
  writeEsearch(
    session,
    program.returns ?? RETURN_ALL,
    await resultOf(session, mailbox, program, found, true),
    correlator,
  );
}

/** The mailboxes that the filters name, each once; names without a mailbox are passed over (RFC 7377 §2.2). */
async function resolve(session: Session, filters: readonly MailboxFilter[]): Promise<ReachedMailbox[]> {
  if (filters.every(({ kind }) => kind === 'selected')) return [];
  const accountId = session.signedIn.account.id;
  const allMail = await reachAllMail(session);
  const all = [...(await allMailboxes(session, 'r')), ...(allMail === undefined ? [] : [allMail])];
  const subscribed = filters.some(({ kind }) => kind === 'subscribed')
    ? new Set(await session.mailstore.mailboxes.subscriptions(accountId))
    : new Set<string>();
  const tests = filters.map((filter): ((mailbox: ReachedMailbox) => boolean) => {
    const named = testOf(filter);
    // RFC 7377 §2.2: what is not named must be one that LIST shows.
    return filter.kind === 'mailboxes' ? named : (mailbox) => mailbox.rights.has('l') && named(mailbox);
  });
  function testOf(filter: MailboxFilter): (mailbox: ReachedMailbox) => boolean {
    switch (filter.kind) {
      case 'selected':
        return () => false;
      case 'personal':
        // What lies in all mail lies in the other ones as well.
        return (mailbox) => mailbox.ownerAddress === undefined && mailbox !== allMail;
      case 'subscribed':
        return ({ name }) => subscribed.has(name);
      // RFC 5465 §6.3: where mail is delivered to.
      case 'inboxes':
        return ({ name }) => name === 'INBOX';
      default: {
        const names = filter.names.map((octets) => (/^inbox$/i.test(octets) ? 'INBOX' : decodeName(session, octets)));
        return ({ name }) => names.some((wanted) => wanted !== undefined && isWithin(name, wanted, filter.kind));
      }
    }
  }
  return all.filter((mailbox) => tests.some((test) => test(mailbox)));
}

function isWithin(name: string, top: string, kind: 'mailboxes' | 'subtree' | 'subtree-one'): boolean {
  if (name === top) return true;
  if (kind === 'mailboxes' || !name.startsWith(top + SEPARATOR)) return false;
  return kind === 'subtree' || !name.slice(top.length + SEPARATOR.length).includes(SEPARATOR);
}
