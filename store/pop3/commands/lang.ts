import { err, ok } from '../codec/reply.ts';
import { ALWAYS, type Pop3Command, writeLines } from './command.ts';

/** RFC 6856 §3. Texts are there in English alone. */
export const lang: Pop3Command = {
  name: 'LANG',
  states: ALWAYS,
  act(session, rest) {
    if (rest === undefined) return writeLines(session, '+OK Language listing follows', ['en English']);
    if (rest === '*' || /^en$/i.test(rest)) return ok('en Texts are in English');
    return err('There are texts in English alone');
  },
};
