import { parsePlain } from '@postern/shared/sasl/plain.ts';
import { ConnectionGone } from '../../connection/client-connection.ts';
import { formatString, no, ok, type SieveCompletion } from '../codec/response.ts';
import type { ManageSieveSession } from '../session.ts';
import { readString, type SieveCommand } from './command.ts';

const REPLIES: Readonly<Record<'refused' | 'unavailable' | 'too-many', SieveCompletion>> = {
  // One text for every refusal: which of them it was, only the log tells.
  refused: no('Authentication failed'),
  unavailable: no('Sign-in is not possible at the moment', 'TRYLATER'),
  'too-many': no('Too many sessions of this account', 'TRYLATER'),
};

/**
 * RFC 5804 §2.1: PLAIN (RFC 4616), with or without initial data. SCRAM-SHA-1, which the RFC asks for, needs what a directory does
 * not show; acting as another user is not offered either.
 */
export const authenticate: SieveCommand<{ readonly mechanism: string; readonly initial: string | undefined }> = {
  name: 'AUTHENTICATE',
  when: 'signed-out',
  read(args) {
    const mechanism = readString(args).toUpperCase();
    return { mechanism, initial: args.atEnd ? undefined : readString(args) };
  },
  async act(session, { mechanism, initial }) {
    if (mechanism !== 'PLAIN') return no('No such authentication mechanism');
    if (!session.passwordsAllowed) return no('Begin TLS first', 'ENCRYPT-NEEDED');
    const response = initial ?? (await ask(session));
    if (response === '*') return no('Authentication cancelled');
    const credentials = parsePlain(response);
    if (credentials === undefined) return no('Not a PLAIN response');
    const { authorizationId, user, password } = credentials;
    const asOther = authorizationId !== '' && authorizationId.toLowerCase() !== user.toLowerCase();
    const outcome = await session.signIn(user, asOther ? '' : password);
    return outcome === 'signed-in' ? ok('Signed in') : REPLIES[outcome];
  },
};

/** The challenge of PLAIN is the empty string. */
async function ask(session: ManageSieveSession): Promise<string> {
  session.out.bytes(formatString('')).text('\r\n');
  const response = await session.nextString();
  if (response === undefined) throw new ConnectionGone();
  return response;
}
