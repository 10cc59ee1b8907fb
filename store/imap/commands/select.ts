import type { Rights } from '../../mailstore/access-rights.ts';
import { SEEN } from '../../mailstore/flags.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { readSelectParameters, type SelectParameters } from '../codec/select-parameters.ts';
import { bad, ok } from '../completion.ts';
import { denormalized, writeListResponse } from '../list-response.ts';
import { decodeName, findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import { ReadAhead } from '../read-ahead/read-ahead.ts';
import { resynchronise } from '../resynchronise.ts';
import { refusal, seenOf } from '../rights.ts';
import type { Selected } from '../state.ts';
import { recentCount, writeFlagsLine, writePermanentFlags } from '../updates.ts';
import { INTERNAL } from '../url-authorization.ts';
import { type Command, SIGNED_IN } from './command.ts';

interface Arguments extends SelectParameters {
  readonly mailbox: string;
}

/** RFC 9051 §6.3.2 SELECT, §6.3.3 EXAMINE; CONDSTORE and QRESYNC: RFC 7162 §3.1.8, §3.2.5. */
function opening(name: 'SELECT' | 'EXAMINE'): Command<Arguments> {
  const examines = name === 'EXAMINE';
  return {
    name,
    states: SIGNED_IN,
    expunges: false,
    // RFC 9586 §3.2: sequence numbers to compare with have no place there.
    counts: ({ resynchronisation }) => resynchronisation?.matches !== undefined,
    read(args: ArgumentReader) {
      args.space();
      const mailbox = args.astring();
      return { mailbox, ...readSelectParameters(args) };
    },
    async act(session, { mailbox: octets, condstore, resynchronisation }) {
      // RFC 7162 §3.2.5: only after ENABLE, so that the client is sure to understand VANISHED.
      if (resynchronisation !== undefined && !session.qresync) return bad('Enable QRESYNC first');
      const { out } = session;
      // A SELECT that fails leaves no mailbox selected (RFC 9051 §6.3.2).
      if (session.state === 'selected') out.line('* OK [CLOSED] The mailbox before is closed');
      session.unselect();
      if (condstore) session.enableCondstore();
      const mailbox = await findMailbox(session, octets);
      if (mailbox === undefined) return noSuchMailbox();
      const refused = refusal(mailbox, 'r');
      if (refused !== undefined) return refused;
      const { rights } = mailbox;
      // RFC 4314 §5.2: read-write where the user can change anything.
      const readOnly = examines || !hasOneOf(rights, 'swite');
      // \Recent is its owner's.
      const tellsRecent = !session.rev2 && mailbox.ownerAddress === undefined;
      const view = await session.mailstore.mailboxes.open(mailbox.id, {
        claimRecent: tellsRecent && !readOnly,
        showRecent: tellsRecent && readOnly,
        seenOf: seenOf(session, mailbox),
        found: mailbox.found,
      });
      if (view === undefined) return noSuchMailbox();
      const stopWatching = session.mailstore.changes.watch(mailbox.id, () => {
        selected.stale = true;
        selected.wake?.();
      });
      const ahead = new ReadAhead(session.services.readAhead, session.mailstore.messages, view);
      const selected: Selected = {
        view,
        name: mailbox.name,
        mailbox,
        rights,
        readOnly,
        saved: [],
        contexts: new Map(),
        stale: false,
        wake: undefined,
        ahead,
        close() {
          stopWatching();
          ahead.drop();
          view.close();
        },
      };
      session.select(selected);
      writeFlagsLine(session, selected);
      writePermanentFlags(session, selected);
      out.line(`* ${view.exists} EXISTS`);
      if (session.rev2) {
        // RFC 9051 §6.3.2: the name as it is kept; RECENT and UNSEEN are of IMAP4rev1.
        const use = session.offers('SPECIAL-USE') ? mailbox.specialUse : undefined;
        const given = denormalized(decodeName(session, octets) ?? '');
        writeListResponse(session, use === undefined ? [] : [use], mailbox.name, given);
      } else {
        out.line(`* ${recentCount(selected)} RECENT`);
        const unseen = session.uidOnly ? 0 : firstUnseen(selected);
        if (unseen > 0) out.line(`* OK [UNSEEN ${unseen}] First unseen message`);
      }
      out.line(`* OK [UIDVALIDITY ${view.uidValidity}] UIDs are valid`);
      // RFC 8474 §4.3.
      if (session.offers('OBJECTID')) out.line(`* OK [MAILBOXID (M${view.mailboxId})] Never given to another mailbox`);
      out.line(`* OK [UIDNEXT ${view.uidNext}] Predicted next UID`);
      // RFC 7162 §3.1.2.1. What the client is told here is the state that it sees, whatever others do meanwhile.
      if (session.offers('CONDSTORE')) out.line(`* OK [HIGHESTMODSEQ ${view.toldModSeq}] Highest mod-sequence`);
      // RFC 4467 §8: which mechanisms authorize URLs of it, where that is the user's to do.
      if (session.offers('URLAUTH') && mailbox.ownerAddress === undefined) {
        out.line(`* OK [URLMECH ${INTERNAL}] URLs can be authorized`);
      }
      if (resynchronisation?.uidValidity === view.uidValidity) await resynchronise(session, resynchronisation);
      // RFC 4314 §5.2: who may change nothing but a \Seen of one's own is told READ-ONLY, and sets it all the same (RFC 3501 §6.3.1).
      const ownSeenAlone = mailbox.ownerAddress !== undefined && !hasOneOf(rights, 'wite');
      return ok(`${name} completed`, readOnly || ownSeenAlone ? 'READ-ONLY' : 'READ-WRITE');
    },
  };
}

const hasOneOf = (rights: Rights, some: string): boolean => [...some].some((right) => rights.has(right));

/** Sequence number of the first message without \Seen; 0 when all are seen. */
function firstUnseen({ view }: Selected): number {
  const { flags, count } = view.columns;
  for (let row = 0; row < count; row += 1) if (((flags[row] ?? 0) & SEEN) === 0) return row + 1;
  return 0;
}

export const select = opening('SELECT');
export const examine = opening('EXAMINE');
