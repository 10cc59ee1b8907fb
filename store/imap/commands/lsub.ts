import type { ArgumentReader } from '../codec/lexer.ts';
import { ancestors, matchesPattern, SEPARATOR } from '../codec/mailbox-pattern.ts';
import { ok } from '../completion.ts';
import { writeName } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';
import { decodePatterns } from './list.ts';

/** RFC 3501 §6.3.9: the names subscribed to. */
export const lsub: Command<{ readonly reference: string; readonly pattern: string }> = {
  name: 'LSUB',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    const reference = args.astring();
    args.space();
    return { reference, pattern: args.listMailbox() };
  },
  async act(session, { reference, pattern: octets }) {
    const names = await session.mailstore.mailboxes.subscriptions(session.signedIn.account.id);
    const [pattern] = decodePatterns(session, { reference, patterns: [octets] });
    if (pattern === undefined) return ok('LSUB completed');
    const shown = new Map<string, boolean>();
    for (const name of names) {
      if (matchesPattern(pattern, name)) shown.set(name, true);
      // RFC 3501 §6.3.9: with %, a name above a subscribed one is shown as \Noselect, unless it is subscribed itself.
      else if (octets.endsWith('%')) {
        for (const above of ancestors(name)) {
          if (matchesPattern(pattern, above) && !shown.has(above)) shown.set(above, names.includes(above));
        }
      }
    }
    for (const [name, subscribed] of shown) {
      session.out.text(`* LSUB (${subscribed ? '' : '\\Noselect'}) "${SEPARATOR}" `);
      writeName(session, session.out, name);
      session.out.text('\r\n');
    }
    return ok('LSUB completed');
  },
};
