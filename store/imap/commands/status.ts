import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { readStatusItems, type StatusItem, writeStatus } from '../status-data.ts';
import { type Command, SIGNED_IN } from './command.ts';

interface Arguments {
  readonly mailbox: string;
  readonly items: readonly StatusItem[];
  found?: Promise<ReachedMailbox | undefined>;
}

/** RFC 9051 §6.3.11. */
export const status: Command<Arguments> = {
  name: 'STATUS',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader): Arguments {
    args.space();
    const mailbox = args.astring();
    args.space();
    return { mailbox, items: readStatusItems(args) };
  },
  prepare(session, args) {
    args.found = findMailbox(session, args.mailbox);
    // A fault is reported when the command's turn comes, not as an unhandled rejection.
    args.found.catch(() => undefined);
  },
  async act(session, args) {
    const mailbox = await (args.found ?? findMailbox(session, args.mailbox));
    if (mailbox === undefined) return noSuchMailbox();
    const refused = refusal(mailbox, 'r');
    if (refused !== undefined) return refused;
    const counters = await countersOf(session, mailbox, args.items);
    if (counters === undefined) return noSuchMailbox();
    await writeStatus(session, mailbox.name, counters, args.items);
    return ok('STATUS completed');
  },
};

/** What the mailbox row says is enough, but where messages have to be counted: \Recent ones, or what a user has not seen who is not the owner. */
async function countersOf(session: Session, { id, found, ownerAddress }: ReachedMailbox, items: readonly StatusItem[]) {
  const counters = ownerAddress === undefined ? found?.counters : undefined;
  if (counters !== undefined && (counters.recent !== undefined || !items.includes('RECENT'))) {
    return { ...counters, recent: counters.recent ?? 0 };
  }
  const [counted] = await session.mailstore.mailboxes.status([id], session.signedIn.account.id);
  return counted;
}
