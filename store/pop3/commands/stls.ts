import { err, ok } from '../codec/reply.ts';
import { AUTHORIZATION, NO_ARGUMENT, type Pop3Command } from './command.ts';

/** RFC 2595 §4. TLS begins behind the answer; what was said before it is forgotten. */
export const stls: Pop3Command = {
  name: 'STLS',
  states: AUTHORIZATION,
  act(session, rest) {
    if (rest !== undefined) return NO_ARGUMENT;
    if (session.connection.encrypted) return err('TLS is active already');
    // RFC 6856 §2.1: no STLS after UTF8.
    if (session.utf8) return err('STLS comes before UTF8');
    session.userName = undefined;
    session.afterResponse(() => session.connection.startTls(session.services.tls.context, false));
    return ok('Begin TLS now');
  },
};
