import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** Extensions that change what the server sends once a client enables them. */
const CAN_BE_ENABLED: ReadonlySet<string> = new Set();

/** RFC 5161 §3.1: unknown names are passed over. */
export const enable: Command<readonly string[]> = {
  name: 'ENABLE',
  states: SIGNED_IN,
  expunges: true,
  capability: 'ENABLE',
  read(args: ArgumentReader) {
    const names: string[] = [];
    do {
      args.space();
      names.push(args.keyword());
    } while (!args.atEnd);
    return names;
  },
  async act(session, names) {
    const enabled = names.filter((name) => CAN_BE_ENABLED.has(name) && session.offers(name));
    for (const name of enabled) session.enabled.add(name);
    session.out.line(['* ENABLED', ...enabled].join(' '));
    return ok('ENABLE completed');
  },
};
