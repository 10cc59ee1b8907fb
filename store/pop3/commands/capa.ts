import { ALWAYS, NO_ARGUMENT, type Pop3Command, writeLines } from './command.ts';

/**
 * RFC 2449 §5. No APOP: its digest needs the password itself, and the directory lets nobody read one. EXPIRE NEVER is true: mail is
 * removed by nobody but its owner. LOGIN-DELAY stands there only where it is enforced, and here it is not.
 */
export const capa: Pop3Command = {
  name: 'CAPA',
  states: ALWAYS,
  act(session, rest) {
    if (rest !== undefined) return NO_ARGUMENT;
    const before = session.state === 'authorization';
    return writeLines(session, '+OK Capabilities follow', [
      'TOP',
      'UIDL',
      'RESP-CODES',
      'AUTH-RESP-CODE',
      'PIPELINING',
      'EXPIRE NEVER',
      ...(session.passwordsAllowed ? ['USER', 'SASL PLAIN'] : []),
      ...(before && !session.connection.encrypted ? ['STLS'] : []),
      'UTF8 USER',
      'LANG',
      'IMPLEMENTATION Postern',
    ]);
  },
};
