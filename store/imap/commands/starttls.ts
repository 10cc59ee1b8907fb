import { bad, ok } from '../completion.ts';
import { type Command, NOT_SIGNED_IN, noArguments } from './command.ts';

/** RFC 9051 §6.2.1. The session begins TLS after the tagged OK has gone out. */
export const starttls: Command<undefined> = {
  name: 'STARTTLS',
  states: NOT_SIGNED_IN,
  expunges: false,
  capability: 'STARTTLS',
  read: noArguments,
  async act(session) {
    const context = session.services.tlsContext();
    if (session.connection.encrypted) return bad('TLS is active already');
    if (context === undefined) return bad('TLS is not available');
    session.afterResponse(() => session.connection.startTls(context, session.services.config.trustedPeers.length > 0));
    return ok('Begin TLS now');
  },
};
