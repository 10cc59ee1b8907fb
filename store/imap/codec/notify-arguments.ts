import { type FetchAttribute, readFetchAttributes } from './fetch-attribute.ts';
import type { ArgumentReader } from './lexer.ts';
import { KNOWN_EVENTS, MESSAGE_EVENTS } from './notify-events.ts';

/** RFC 5465 §6: which mailboxes a group of events is about. Names are latin1 octets. */
export type MailboxFilter =
  | { readonly kind: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' }
  | { readonly kind: 'subtree' | 'mailboxes'; readonly names: readonly string[] };

/** RFC 5465 §8 event-group. */
export interface EventGroup {
  readonly filter: MailboxFilter;
  /** As RFC 5465 §5 spells them where it knows them, else upper-cased; empty for NONE. */
  readonly events: ReadonlySet<string>;
  /** What is fetched of each new message of the selected mailbox. */
  readonly attributes: readonly FetchAttribute[];
}

/** `undefined` groups stand for NOTIFY NONE. */
export interface NotifyArguments {
  readonly status: boolean;
  readonly groups: readonly EventGroup[] | undefined;
}

const MESSAGE: ReadonlySet<string> = new Set(MESSAGE_EVENTS);
const MAX_GROUPS = 100;

/** What follows NOTIFY, the space included. */
export function readNotifyArguments(args: ArgumentReader): NotifyArguments {
  args.space();
  if (args.take('NONE')) return { status: false, groups: undefined };
  args.expect('SET');
  const status = args.take(' STATUS');
  const groups: EventGroup[] = [];
  do {
    args.space();
    groups.push(readGroup(args));
    if (groups.length > MAX_GROUPS) args.fail('too many groups');
  } while (!args.atEnd);
  if (groups.filter(({ filter }) => filter.kind.startsWith('selected')).length > 1) args.fail('selected twice');
  return { status, groups };
}

function readGroup(args: ArgumentReader): EventGroup {
  args.expect('(');
  const filter = readFilter(args);
  args.space();
  const events = new Set<string>();
  let attributes: readonly FetchAttribute[] = [];
  const readEvent = (): void => {
    const name = args.keyword();
    const event = KNOWN_EVENTS.find((each) => each.toUpperCase() === name) ?? name;
    events.add(event);
    if (event === 'MessageNew' && args.peekText(' (')) {
      if (!filter.kind.startsWith('selected')) args.fail('fetch items are for the selected mailbox');
      args.space();
      attributes = readFetchAttributes(args);
    }
  };
  const listed = args.peek() === '(';
  if (listed) args.list(readEvent, true);
  else {
    // The examples of RFC 5465 leave these parentheses out.
    readEvent();
    while (args.take(' ')) readEvent();
  }
  args.expect(')');
  if (events.size === 1 && events.has('NONE')) events.clear();
  // The example of §3.1 leaves MessageExpunge out as well.
  if (!listed && events.has('MessageNew') && !filter.kind.startsWith('selected')) events.add('MessageExpunge');
  checkEvents(args, filter, events);
  return { filter, events, attributes };
}

/** RFC 5465 §5, §8: what must be asked for together, and what the selected mailbox cannot tell. */
function checkEvents(args: ArgumentReader, filter: MailboxFilter, events: ReadonlySet<string>): void {
  if (events.has('MessageNew') !== events.has('MessageExpunge')) args.fail('MessageNew goes with MessageExpunge');
  // AnnotationChange is read like the others, for NO and BADEVENT are the answer to what is well formed.
  const needsBoth = events.has('FlagChange') || events.has('ANNOTATIONCHANGE');
  if (needsBoth && !events.has('MessageNew')) args.fail('FlagChange needs MessageNew and MessageExpunge');
  if (!filter.kind.startsWith('selected')) return;
  const known: readonly string[] = KNOWN_EVENTS;
  const other = [...events].some((event) => known.includes(event) && !MESSAGE.has(event));
  if (other) args.fail('only events of messages for the selected mailbox');
}

function readFilter(args: ArgumentReader): MailboxFilter {
  // `-` is a character of an atom.
  const kind = args.keyword().toLowerCase();
  switch (kind) {
    case 'selected':
    case 'selected-delayed':
    case 'inboxes':
    case 'personal':
    case 'subscribed':
      return { kind };
    case 'subtree':
    case 'mailboxes':
      args.space();
      return { kind, names: args.peek() === '(' ? args.list(() => args.astring(), true) : [args.astring()] };
    default:
      return args.fail(`unknown filter ${kind}`);
  }
}
