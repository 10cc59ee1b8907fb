import { ok } from '../codec/reply.ts';
import { AUTHORIZATION, NO_ARGUMENT, type Pop3Command } from './command.ts';

/** RFC 6856 §2.1: messages come as they are, with UTF-8 in their headers. */
export const utf8: Pop3Command = {
  name: 'UTF8',
  states: AUTHORIZATION,
  act(session, rest) {
    if (rest !== undefined) return NO_ARGUMENT;
    session.utf8 = true;
    return ok('UTF-8 from now on');
  },
};
