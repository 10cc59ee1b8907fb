import { ok } from '../codec/reply.ts';
import { NO_ARGUMENT, type Pop3Command, TRANSACTION } from './command.ts';

/** RFC 1939 §5. */
export const stat: Pop3Command = {
  name: 'STAT',
  states: TRANSACTION,
  act({ maildrop }, rest) {
    return rest === undefined ? ok(`${maildrop.count} ${maildrop.sizeBytes}`) : NO_ARGUMENT;
  },
};
