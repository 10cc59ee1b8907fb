import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import { refusal } from '../rights.ts';
import type { Session } from '../session.ts';
import { countersAtHand, readStatusItems, type StatusItem, writeStatus } from '../status-data.ts';
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
    const counters = countersAtHand(mailbox, args.items) ?? (await countersOf(session, mailbox));
    if (counters === undefined) return noSuchMailbox();
    await writeStatus(session, mailbox.name, counters, args.items);
    return ok('STATUS completed');
  },
};

async function countersOf(session: Session, mailbox: ReachedMailbox) {
  const [counted] = await session.mailstore.mailboxes.status([mailbox.id], session.signedIn.account.id);
  return counted;
}
