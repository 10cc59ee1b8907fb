import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import { readStatusItems, type StatusItem, writeStatus } from '../status-data.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.11. */
export const status: Command<{ readonly mailbox: string; readonly items: readonly StatusItem[] }> = {
  name: 'STATUS',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    const mailbox = args.astring();
    args.space();
    return { mailbox, items: readStatusItems(args) };
  },
  async act(session, { mailbox: octets, items }) {
    const mailbox = await findMailbox(session, octets);
    const [counters] = mailbox === undefined ? [] : await session.mailstore.mailboxes.status([mailbox.id]);
    if (mailbox === undefined || counters === undefined) return noSuchMailbox();
    await writeStatus(session, mailbox.name, counters, items);
    return ok('STATUS completed');
  },
};
