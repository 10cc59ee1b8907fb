import type { ArgumentReader } from './lexer.ts';

/** RFC 5465 §6 filter-mailboxes, with RFC 7377 §2.2's subtree-one: which mailboxes a command is about. */
export type MailboxFilter =
  | { readonly kind: 'selected' | 'inboxes' | 'personal' | 'subscribed' }
  /** Names as the client wrote them (latin1 octets). */
  | { readonly kind: 'mailboxes' | 'subtree' | 'subtree-one'; readonly names: readonly string[] };

/** `IN (mailboxes "a" subtree ("b" "c"))`, from the parenthesis on. */
export function readMailboxFilters(args: ArgumentReader): MailboxFilter[] {
  return args.list(() => {
    const kind = args.keyword();
    switch (kind) {
      case 'SELECTED':
        return { kind: 'selected' };
      case 'INBOXES':
        return { kind: 'inboxes' };
      case 'PERSONAL':
        return { kind: 'personal' };
      case 'SUBSCRIBED':
        return { kind: 'subscribed' };
      case 'MAILBOXES':
        return { kind: 'mailboxes', names: readNames(args) };
      case 'SUBTREE':
        return { kind: 'subtree', names: readNames(args) };
      case 'SUBTREE-ONE':
        return { kind: 'subtree-one', names: readNames(args) };
      default:
        return args.fail(`unknown mailbox filter ${kind}`);
    }
  }, true);
}

/** one-or-more-mailbox */
function readNames(args: ArgumentReader): string[] {
  args.space();
  return args.peek() === '(' ? args.list(() => args.astring(), true) : [args.astring()];
}
