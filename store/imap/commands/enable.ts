import type { ArgumentReader } from '../codec/lexer.ts';
import { ok } from '../completion.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** Extensions that change what the server sends once a client enables them; true where a selected mailbox is no matter. */
const CAN_BE_ENABLED: ReadonlyMap<string, boolean> = new Map([
  ['IMAP4REV2', false],
  ['UTF8=ACCEPT', false],
  ['CONDSTORE', true],
  ['QRESYNC', true],
  ['UIDONLY', false],
]);

/**
 * RFC 5161 §3.1: unknown names are passed over. It also says that ENABLE comes before a mailbox is selected; those that
 * change how names and numbers are written do so no later, CONDSTORE and QRESYNC at any time (RFC 7162 §3.1).
 */
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
    const selected = session.state === 'selected';
    const enabled = names.filter((name) => {
      const anyTime = CAN_BE_ENABLED.get(name);
      return anyTime !== undefined && (anyTime || !selected) && session.offers(name);
    });
    // RFC 7162 §3.1: HIGHESTMODSEQ of the selected mailbox, where mod-sequences begin to count.
    if (enabled.includes('CONDSTORE') || enabled.includes('QRESYNC')) session.enableCondstore();
    for (const name of enabled) session.enabled.add(name);
    session.out.line(['* ENABLED', ...new Set(enabled)].join(' '));
    return ok('ENABLE completed');
  },
};
