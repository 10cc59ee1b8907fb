import { parsePlain } from '@postern/shared/sasl/plain.ts';
import { ConnectionGone } from '../../connection/client-connection.ts';
import { err, type PopReply } from '../codec/reply.ts';
import type { Pop3Session } from '../session.ts';
import { AUTHORIZATION, type Pop3Command, writeLines } from './command.ts';
import { signInAndOpen } from './sign-in.ts';

/** RFC 5034 §4: an answer to a challenge may be longer than a command. */
const MAX_RESPONSE_BYTES = 12_288;

/** RFC 5034: SASL PLAIN (RFC 4616), with an initial response where the client gives one. */
export const auth: Pop3Command = {
  name: 'AUTH',
  states: AUTHORIZATION,
  async act(session, rest) {
    const allowed = session.passwordsAllowed;
    // Not in any RFC; what clients did before CAPA, and some still do.
    if (rest === undefined) return writeLines(session, '+OK Mechanisms follow', allowed ? ['PLAIN'] : []);
    const match = /^([A-Za-z0-9_-]{1,20})(?: ([A-Za-z0-9+/=]+))?$/.exec(rest);
    if (match === null) return err('AUTH wants a mechanism and, if need be, an initial response in base64');
    if (match[1]?.toUpperCase() !== 'PLAIN') return err('No such authentication mechanism');
    if (!allowed) return err('Begin TLS first', 'SYS/PERM');
    // RFC 5034 §4: `=` is an initial response of no octets.
    const initial = match[2] === '=' ? '' : match[2];
    const response = initial ?? (await ask(session));
    if (typeof response !== 'string') return response;
    const credentials = parsePlain(response);
    if (credentials === undefined) return err('Not a PLAIN response', 'AUTH');
    const { authorizationId, user, password } = credentials;
    // Acting as another one is not offered: it is refused like a wrong password.
    const asOther = authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase();
    return signInAndOpen(session, user, asOther ? '' : password);
  },
};

/** The challenge of PLAIN is empty: `+` and a space (RFC 5034 §4). */
async function ask(session: Pop3Session): Promise<string | PopReply> {
  session.out.line('+ ');
  const restore = session.allowLine(MAX_RESPONSE_BYTES);
  const line = await session.nextFrame().finally(restore);
  if (line === 'timeout') throw new ConnectionGone();
  if (line.kind === 'too-long') return err('The response is too long');
  return line.text === '*' ? err('Authentication cancelled') : line.text;
}
