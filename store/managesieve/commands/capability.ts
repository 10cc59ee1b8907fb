import { NOTIFY_METHODS, sieveCapabilities } from '../../sieve/check.ts';
import { formatString, ok } from '../codec/response.ts';
import type { ManageSieveSession } from '../session.ts';
import { noArguments, type SieveCommand } from './command.ts';

/** RFC 5804 §1.7, ended by OK: the greeting, what follows STARTTLS, and the answer to CAPABILITY. */
export function writeCapabilities(session: ManageSieveSession, text: string): void {
  const { connection, isSignedIn, passwordsAllowed, out, services } = session;
  const capabilities: readonly (readonly [string, string?])[] = [
    ['IMPLEMENTATION', 'Postern'],
    ['VERSION', '1.0'],
    ['SASL', passwordsAllowed ? 'PLAIN' : ''],
    ['SIEVE', sieveCapabilities(services.language).join(' ')],
    ['NOTIFY', NOTIFY_METHODS.join(' ')],
    ['MAXREDIRECTS', String(services.language.limits.maxRedirects)],
    ['LANGUAGE', 'en'],
    ['UNAUTHENTICATE'],
    ...(isSignedIn ? [['OWNER', session.account.address] as const] : []),
    ...(connection.encrypted || isSignedIn ? [] : [['STARTTLS'] as const]),
  ];
  for (const [name, value] of capabilities) {
    out.bytes(formatString(name));
    if (value !== undefined) out.text(' ').bytes(formatString(value));
    out.text('\r\n');
  }
  session.complete(ok(text));
}

/** RFC 5804 §2.4. */
export const capability: SieveCommand = {
  name: 'CAPABILITY',
  when: 'always',
  read: noArguments,
  act(session) {
    writeCapabilities(session, 'That is all');
    return undefined;
  },
};
