import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { ANY_STATE, type Command } from './command.ts';

/** RFC 2971 §3.3: at most 30 pairs. */
const MAX_PAIRS = 30;

/** RFC 2971: the client says what it is, for the log of whoever helps its user; and hears what we are. */
export const id: Command<readonly (readonly [string, string | undefined])[]> = {
  name: 'ID',
  states: ANY_STATE,
  expunges: true,
  capability: 'ID',
  read(args: ArgumentReader) {
    args.space();
    if (args.peek() !== '(') {
      args.expect('NIL');
      return [];
    }
    const pairs = args.list((): [string, string | undefined] => {
      const field = args.string();
      args.space();
      return [field, args.nstring()];
    });
    if (pairs.length > MAX_PAIRS) args.fail('too many fields');
    return pairs;
  },
  async act(session, pairs) {
    const known = pairs.filter(([field]) => /^(?:name|version|os|vendor)$/i.test(field));
    if (known.length > 0) {
      const client = Object.fromEntries(known.map(([field, value]) => [field.toLowerCase(), value?.slice(0, 100)]));
      session.log.info({ event: 'client-software', session: session.id, client });
    }
    session.out.line('* ID ("name" "Postern")');
    return ok('ID completed');
  },
};
