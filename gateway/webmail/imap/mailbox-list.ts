import { imap } from './codec/command.ts';
import { listOf, octetsOf, pairsOf, readValues, textOf } from './codec/response-values.ts';
import type { StoreConnection } from './store-connection.ts';

/** A mailbox with its counters, as one LIST tells them of all (RFC 5819). */
export interface ListedMailbox {
  /** MAILBOXID of RFC 8474: stays when the mailbox is renamed. */
  readonly id: string;
  readonly name: string;
  readonly separator: string;
  /** Lower case, with its backslash: `\sent`; undefined for none. */
  readonly specialUse: string | undefined;
  readonly subscribed: boolean;
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly highestModSeq: number;
}

export interface MailboxListing {
  /** The user's own mailboxes, by name; without the virtual one of all mail. */
  readonly mailboxes: readonly ListedMailbox[];
  /** The virtual mailbox of all mail (RFC 6154 §2), whose UID is the number in EMAILID; undefined where the store has none. */
  readonly all: ListedMailbox | undefined;
}

const USES = new Set(['\\all', '\\archive', '\\drafts', '\\flagged', '\\junk', '\\sent', '\\trash']);
/** Names under which the store shows mailboxes of other accounts: their EMAILIDs count anew, so that they are none of this account's. */
const FOREIGN = /^(?:Other Users|Shared)(?:\/|$)/;

interface Listed {
  separator: string;
  attributes: ReadonlySet<string>;
}

/** Every mailbox of the account, its counters with it, in one command. */
export async function listMailboxes(connection: StoreConnection): Promise<MailboxListing> {
  const names = new Map<string, Listed>();
  const statuses = new Map<string, Map<string, unknown>>();
  await connection.must(
    imap`LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UNSEEN DELETED UIDVALIDITY UIDNEXT HIGHESTMODSEQ MAILBOXID))`,
    (response) => {
      const [, word, first, second, third] = readValues(response, 0);
      const kind = (octetsOf(word) ?? '').toUpperCase();
      if (kind === 'LIST') {
        const attributes = new Set(listOf(first).map((each) => (octetsOf(each) ?? '').toLowerCase()));
        names.set(textOf(third) ?? '', { separator: octetsOf(second) ?? '/', attributes });
      } else if (kind === 'STATUS') {
        // What NOTIFY tells meanwhile has fewer items.
        const items = pairsOf(listOf(second));
        if (items.has('MAILBOXID')) statuses.set(textOf(first) ?? '', items);
      }
    },
  );
  const all: ListedMailbox[] = [];
  for (const [name, { separator, attributes }] of names) {
    const status = statuses.get(name) as ReturnType<typeof pairsOf> | undefined;
    const id = octetsOf(listOf(status?.get('MAILBOXID'))[0]);
    if (status === undefined || id === undefined || FOREIGN.test(name)) continue;
    const number = (item: string): number => Number(octetsOf(status.get(item)) ?? 0);
    all.push({
      id,
      name,
      separator,
      specialUse: [...attributes].find((each) => USES.has(each)),
      subscribed: attributes.has('\\subscribed'),
      messages: number('MESSAGES'),
      unseen: number('UNSEEN'),
      deleted: number('DELETED'),
      uidValidity: number('UIDVALIDITY'),
      uidNext: number('UIDNEXT'),
      highestModSeq: number('HIGHESTMODSEQ'),
    });
  }
  return {
    mailboxes: all.filter(({ specialUse }) => specialUse !== '\\all'),
    all: all.find(({ specialUse }) => specialUse === '\\all'),
  };
}
