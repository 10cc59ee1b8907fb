import { parseNumber } from '../codec/arguments.ts';
import { ok } from '../codec/reply.ts';
import { NO_ARGUMENT, NO_SUCH_MESSAGE, type Pop3Command, TRANSACTION } from './command.ts';

/** RFC 1939 §5: marks it; QUIT removes it. */
export const dele: Pop3Command = {
  name: 'DELE',
  states: TRANSACTION,
  act({ maildrop }, rest) {
    const message = maildrop.message(parseNumber(rest) ?? 0);
    if (message === undefined) return NO_SUCH_MESSAGE;
    maildrop.delete(message);
    return ok('It will be removed at QUIT');
  },
};

/** RFC 1939 §5. */
export const rset: Pop3Command = {
  name: 'RSET',
  states: TRANSACTION,
  act({ maildrop }, rest) {
    if (rest !== undefined) return NO_ARGUMENT;
    maildrop.undeleteAll();
    return ok(`${maildrop.count} messages (${maildrop.sizeBytes} octets)`);
  },
};
