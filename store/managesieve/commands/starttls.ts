import { no, ok } from '../codec/response.ts';
import { writeCapabilities } from './capability.ts';
import { noArguments, type SieveCommand } from './command.ts';

/** RFC 5804 §2.2: after TLS has begun the capabilities come anew, unasked. */
export const starttls: SieveCommand = {
  name: 'STARTTLS',
  when: 'signed-out',
  read: noArguments,
  act(session) {
    if (session.connection.encrypted) return no('TLS is active already');
    session.afterResponse(async () => {
      await session.connection.startTls(session.services.tls.context, false);
      writeCapabilities(session, 'TLS is active');
      await session.connection.flow(true);
    });
    return ok('Begin TLS now');
  },
};
