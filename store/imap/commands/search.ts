import type { ArgumentReader } from '../codec/lexer.ts';
import { readSearchProgram, type SearchProgram } from '../codec/search-key.ts';
import { no, ok } from '../completion.ts';
import { search as evaluate } from '../search-evaluation.ts';
import { type Command, SELECTED } from './command.ts';

const CHARSETS: ReadonlySet<string> = new Set(['US-ASCII', 'UTF-8']);
const ROWS_A_TURN = 4000;

/** RFC 9051 §6.4.4 SEARCH, §6.4.9 UID SEARCH, answered as IMAP4rev1 asks (RFC 3501 §7.2.5). */
function searching(uid: boolean): Command<SearchProgram> {
  return {
    name: uid ? 'UID SEARCH' : 'SEARCH',
    states: SELECTED,
    expunges: uid,
    read(args: ArgumentReader) {
      args.space();
      return readSearchProgram(args);
    },
    async act(session, { charset, key }) {
      if (charset !== undefined && !CHARSETS.has(charset)) {
        return no(`BADCHARSET (${[...CHARSETS].join(' ')})`, 'Charset not supported');
      }
      const { view } = session.selected;
      const found = await evaluate(session.mailstore, view, key);
      const { out } = session;
      out.text('* SEARCH');
      for (const [row, sequence] of found.entries()) {
        out.text(' ').number(uid ? (view.uidAt(sequence) ?? 0) : sequence);
        if (row % ROWS_A_TURN === ROWS_A_TURN - 1) await session.flow();
      }
      out.text('\r\n');
      return ok('SEARCH completed');
    },
  };
}

export const search = searching(false);
export const uidSearch = searching(true);
