import type { ArgumentReader } from '../codec/lexer.ts';
import { readSearchKeys, type SearchProgram, someKey } from '../codec/search-key.ts';
import { readSearchReturn } from '../codec/search-return.ts';
import { readSortCriteria, type SortCriterion } from '../codec/sort-criteria.ts';
import { ok } from '../completion.ts';
import { answer, charsetFault, find, keep, scoresOf } from '../searching.ts';
import { keysFor, sortedPlaces } from '../sorting.ts';
import { type Command, SELECTED } from './command.ts';

interface Arguments extends SearchProgram {
  readonly criteria: readonly SortCriterion[];
}

/** RFC 5256 §3 SORT; RETURN (…): ESORT (RFC 5267 §3). */
function sorting(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID SORT' : 'SORT',
    states: SELECTED,
    expunges: ({ key }) => uid && !someKey(key, ({ kind }) => kind === 'sequence'),
    counts: ({ key }) => !uid || someKey(key, ({ kind }) => kind === 'sequence'),
    capability: 'SORT',
    read(args: ArgumentReader) {
      args.space();
      const returns = readSearchReturn(args, 'ESORT');
      const criteria = readSortCriteria(args);
      args.space();
      const charset = args.astring().toUpperCase();
      args.space();
      return { returns, criteria, charset, key: readSearchKeys(args) };
    },
    async act(session, program) {
      const refused = charsetFault(session, program, { mandatory: true });
      if (refused !== undefined) return refused;
      const { view } = session.selected;
      const found = await find(session, session.selected, program.key);
      const uids = found.map((sequence) => view.uidAt(sequence) ?? 0);
      const { criteria } = program;
      const keys = await session.whileWorking(session.mailstore.messages.keys(view.mailboxId, uids, keysFor(criteria)));
      const there = keys.map((message) => view.sequenceOf(message.uid));
      const ranked = criteria.some(({ key }) => key === 'RELEVANCY');
      const scores = ranked ? await scoresOf(session, session.selected, program.key, there) : [];
      const ordered = sortedPlaces(keys, criteria, scores).map((place) => there[place] ?? 0);
      keep(session, program, ordered);
      // RFC 5267 §4.3.1: results in an order of their own are not followed.
      if (program.returns?.update === true) session.out.line(`* NO [NOUPDATE "${session.tag}"] Sorted results`);
      await answer(session, 'SORT', program, ordered, uid);
      return ok('SORT completed');
    },
  };
}

export const sort = sorting(false);
export const uidSort = sorting(true);
