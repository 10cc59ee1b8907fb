import { SEEN } from '../../mailstore/flags.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import type { Selected } from '../state.ts';
import { recentCount, SYSTEM_FLAGS_TEXT, writeFlagsLine } from '../updates.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.2 SELECT, §6.3.3 EXAMINE. */
function opening(name: 'SELECT' | 'EXAMINE'): Command<string> {
  const readOnly = name === 'EXAMINE';
  return {
    name,
    states: SIGNED_IN,
    expunges: false,
    read(args: ArgumentReader) {
      args.space();
      return args.astring();
    },
    async act(session, octets) {
      // A SELECT that fails leaves no mailbox selected (RFC 9051 §6.3.2).
      session.unselect();
      const mailbox = await findMailbox(session, octets);
      const view = mailbox && (await session.mailstore.mailboxes.open(mailbox.id, { claimRecent: !readOnly }));
      if (mailbox === undefined || view === undefined) return noSuchMailbox();
      const selected: Selected = {
        view,
        name: mailbox.name,
        readOnly,
        stale: false,
        wake: undefined,
        stopWatching: session.mailstore.changes.watch(mailbox.id, () => {
          selected.stale = true;
          selected.wake?.();
        }),
      };
      session.select(selected);
      writeFlagsLine(session, selected);
      const { out } = session;
      out.line(
        readOnly
          ? '* OK [PERMANENTFLAGS ()] Read-only'
          : `* OK [PERMANENTFLAGS (${[SYSTEM_FLAGS_TEXT, ...view.keywords(), '\\*'].join(' ')})] Flags are kept`,
      );
      out.line(`* ${view.exists} EXISTS`);
      out.line(`* ${recentCount(selected)} RECENT`);
      const unseen = firstUnseen(selected);
      if (unseen > 0) out.line(`* OK [UNSEEN ${unseen}] First unseen message`);
      out.line(`* OK [UIDVALIDITY ${view.uidValidity}] UIDs are valid`);
      out.line(`* OK [UIDNEXT ${view.uidNext}] Predicted next UID`);
      return ok(`${name} completed`, readOnly ? 'READ-ONLY' : 'READ-WRITE');
    },
  };
}

/** Sequence number of the first message without \Seen; 0 when all are seen. */
function firstUnseen({ view }: Selected): number {
  const { flags, count } = view.columns;
  for (let row = 0; row < count; row += 1) if (((flags[row] ?? 0) & SEEN) === 0) return row + 1;
  return 0;
}

export const select = opening('SELECT');
export const examine = opening('EXAMINE');
