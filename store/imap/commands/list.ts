import type { ArgumentReader } from '../codec/lexer.ts';
import { type ListArguments, readListArguments } from '../codec/list-arguments.ts';
import { ancestors, matchesPattern, SEPARATOR } from '../codec/mailbox-pattern.ts';
import { ok } from '../completion.ts';
import { decodeName, writeName } from '../mailbox-argument.ts';
import { type ListedMailbox, listedAllMail, listing } from '../namespaces.ts';
import type { Session } from '../session.ts';
import { countersAtHand, readStatusItems, type StatusItem, writeStatus } from '../status-data.ts';
import { writeMyRights } from './acl.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** A name in the hierarchy, whether there is a mailbox or only something below it, or only a subscription. */
interface Entry {
  readonly name: string;
  readonly mailbox: ListedMailbox | undefined;
  hasChildren: boolean;
  subscribed: boolean;
}

type Arguments = ListArguments<StatusItem>;

/** RFC 9051 §6.3.9, with LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819) and SPECIAL-USE (RFC 6154). */
export const list: Command<Arguments> = {
  name: 'LIST',
  states: SIGNED_IN,
  expunges: true,
  read: (args: ArgumentReader) => readListArguments(args, readStatusItems),
  async act(session, args) {
    // RFC 9051 §6.3.9: an empty pattern asks for the separator alone.
    if (!args.extended && args.patterns[0] === '') {
      session.out.line(`* LIST (\\Noselect) "${SEPARATOR}" ""`);
      return ok('LIST completed');
    }
    const patterns = decodePatterns(session, args);
    const entries = await hierarchy(session, args, patterns);
    const shown: ListedMailbox[] = [];
    for (const entry of entries.values()) {
      if (!patterns.some((pattern) => matchesPattern(pattern, entry.name))) continue;
      const own = isSelected(args, entry);
      const childInfo = args.selection.has('RECURSIVEMATCH') && hasSelectedBelow(args, entries, entry, patterns);
      if (!own && !childInfo) continue;
      writeEntry(session, args, entry, own && args.selection.size > 0, childInfo);
      if (entry.mailbox !== undefined) shown.push(entry.mailbox);
      // RFC 8440 §3.
      if (entry.mailbox !== undefined && args.returning.has('MYRIGHTS')) writeMyRights(session, entry.mailbox);
      await session.flow();
    }
    if (args.status !== undefined) await writeStatuses(session, shown, args.status);
    return ok('LIST completed');
  },
};

/** Reference and pattern are put together as they are (RFC 9051 §6.3.9); what is not a name matches nothing. */
export function decodePatterns(
  session: Session,
  args: { readonly reference: string; readonly patterns: readonly string[] },
): string[] {
  return args.patterns
    .map((pattern) => decodeName(session, args.reference + pattern))
    .filter((pattern) => pattern !== undefined)
    .map((pattern) => pattern.replace(/^inbox(?=\/|$)/i, 'INBOX'));
}

/** Every name of the account, sorted, INBOX first: mailboxes, the names above them, subscriptions. */
async function hierarchy(session: Session, args: Arguments, patterns: readonly string[]): Promise<Map<string, Entry>> {
  const { mailboxes, subscriptions } = await listing(session, 'l');
  const entries = new Map<string, Entry>();
  const add = (name: string, mailbox: ListedMailbox | undefined): void => {
    for (const above of ancestors(name)) {
      const parent = entries.get(above) ?? { name: above, mailbox: undefined, hasChildren: false, subscribed: false };
      if (mailbox !== undefined) parent.hasChildren = true;
      entries.set(above, parent);
    }
    const known = entries.get(name);
    entries.set(name, {
      name,
      mailbox: mailbox ?? known?.mailbox,
      hasChildren: known?.hasChildren ?? false,
      subscribed: subscriptions.has(name),
    });
  };
  for (const mailbox of mailboxes) add(mailbox.name, mailbox);
  const allMail = listedAllMail(session, mailboxes);
  if (allMail !== undefined && (subscriptions.has(allMail.name) || asksForAllMail(session, args, patterns, allMail))) {
    add(allMail.name, allMail);
  }
  for (const name of subscriptions) if (!entries.has(name)) add(name, undefined);
  return entries;
}

/**
 * RFC 6154 §2: whoever knows special uses can tell \All from other mailboxes. To all others it would be one more mailbox, and
 * they would fetch everything twice: they see it when they name it.
 */
function asksForAllMail(
  session: Session,
  { selection, returning }: Arguments,
  patterns: readonly string[],
  { name }: ListedMailbox,
): boolean {
  return session.rev2 || selection.has('SPECIAL-USE') || returning.has('SPECIAL-USE') || patterns.includes(name);
}

function isSelected(args: Arguments, entry: Entry): boolean {
  if (args.selection.has('SUBSCRIBED')) return entry.subscribed && specialUseFits(args, entry);
  // A name that is neither mailbox nor above one is there by its subscription alone.
  return (entry.mailbox !== undefined || entry.hasChildren) && specialUseFits(args, entry);
}

const specialUseFits = (args: Arguments, entry: Entry): boolean =>
  !args.selection.has('SPECIAL-USE') || entry.mailbox?.specialUse !== undefined;

/** RFC 5258 §3 RECURSIVEMATCH: something below is selected that no pattern shows itself. */
function hasSelectedBelow(
  args: Arguments,
  entries: ReadonlyMap<string, Entry>,
  above: Entry,
  patterns: readonly string[],
): boolean {
  for (const entry of entries.values()) {
    if (!entry.name.startsWith(above.name + SEPARATOR) || !isSelected(args, entry)) continue;
    if (!patterns.some((pattern) => matchesPattern(pattern, entry.name))) return true;
  }
  return false;
}

function writeEntry(session: Session, args: Arguments, entry: Entry, selected: boolean, childInfo: boolean): void {
  const attributes: string[] = [];
  if (entry.mailbox === undefined) attributes.push(args.extended ? '\\NonExistent' : '\\Noselect');
  // RFC 5819 §2: what may be seen and not read cannot be selected.
  else if (!entry.mailbox.rights.has('r')) attributes.push('\\Noselect');
  if (session.offers('CHILDREN')) attributes.push(entry.hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  const tellSubscribed = args.returning.has('SUBSCRIBED') || (selected && args.selection.has('SUBSCRIBED'));
  if (tellSubscribed && entry.subscribed) attributes.push('\\Subscribed');
  const use = entry.mailbox?.specialUse;
  if (use !== undefined && session.offers('SPECIAL-USE')) attributes.push(use);
  const { out } = session;
  out.text(`* LIST (${attributes.join(' ')}) "${SEPARATOR}" `);
  writeName(session, out, entry.name);
  if (childInfo) {
    const options = [...args.selection].filter((option) => option === 'SUBSCRIBED' || option === 'SPECIAL-USE');
    out.text(` ("CHILDINFO" (${options.map((option) => `"${option}"`).join(' ')}))`);
  }
  out.text('\r\n');
}

async function writeStatuses(
  session: Session,
  given: readonly ListedMailbox[],
  items: readonly StatusItem[],
): Promise<void> {
  // RFC 4314 §4: STATUS wants r.
  const shown = given.filter(({ rights }) => rights.has('r'));
  // What the list has read already is as new as the list.
  const counters = new Map(shown.map((mailbox) => [mailbox.id, countersAtHand(mailbox, items)]));
  const others = shown.map(({ id }) => id).filter((id) => counters.get(id) === undefined);
  if (others.length > 0) {
    const read = await session.mailstore.mailboxes.status(others, session.signedIn.account.id);
    for (const [index, id] of others.entries()) counters.set(id, read[index]);
  }
  for (const mailbox of shown) {
    const status = counters.get(mailbox.id);
    if (status !== undefined) await writeStatus(session, mailbox.name, status, items);
    await session.flow();
  }
}
