import type { ArgumentReader } from '../codec/lexer.ts';
import { bad, ok } from '../completion.ts';
import { type Command, SELECTED } from './command.ts';

/** RFC 5267 §4.3.5: the results of these searches need not be followed any more. */
export const cancelUpdate: Command<readonly string[]> = {
  name: 'CANCELUPDATE',
  states: SELECTED,
  expunges: true,
  capability: 'CONTEXT=SEARCH',
  read(args: ArgumentReader) {
    const tags: string[] = [];
    do {
      args.space();
      tags.push(args.string());
    } while (!args.atEnd);
    return tags;
  },
  async act(session, tags) {
    const { contexts } = session.selected;
    if (tags.some((tag) => !contexts.has(tag))) return bad('No search of this tag is followed');
    for (const tag of tags) contexts.delete(tag);
    return ok('CANCELUPDATE completed');
  },
};
