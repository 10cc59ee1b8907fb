import type { ArgumentReader } from '../codec/lexer.ts';
import { readSearchProgram, type SearchProgram, someKey } from '../codec/search-key.ts';
import { ok } from '../completion.ts';
import { answer, charsetFault, find, follow, keep } from '../searching.ts';
import { type Command, SELECTED } from './command.ts';

/**
 * RFC 9051 §6.4.4 SEARCH, §6.4.9 UID SEARCH. Answered by SEARCH under IMAP4rev1 (RFC 3501 §7.2.5), by ESEARCH under
 * IMAP4rev2 and where the client says what to return.
 */
function searching(uid: boolean): Command<SearchProgram> {
  return {
    name: uid ? 'UID SEARCH' : 'SEARCH',
    states: SELECTED,
    // RFC 7162 §3.2.10: no expunge while a search counts messages.
    expunges: ({ key }) => uid && !someKey(key, ({ kind }) => kind === 'sequence'),
    counts: ({ key }) => !uid || someKey(key, ({ kind }) => kind === 'sequence'),
    read(args: ArgumentReader) {
      args.space();
      return readSearchProgram(args);
    },
    async act(session, program) {
      const refused = charsetFault(session, program) ?? follow.refused(session, program);
      if (refused !== undefined) {
        // RFC 5182 §2.1: a search that is refused leaves `$` empty; bad syntax leaves it alone.
        if (refused.status === 'NO') keep(session, program, []);
        return refused;
      }
      const found = await find(session, session.selected, program.key);
      keep(session, program, found);
      await answer(session, 'SEARCH', program, found, uid);
      follow.begin(session, program, found, uid);
      return ok('SEARCH completed');
    },
  };
}

export const search = searching(false);
export const uidSearch = searching(true);
