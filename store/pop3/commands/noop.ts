import { ok } from '../codec/reply.ts';
import { NO_ARGUMENT, type Pop3Command, TRANSACTION } from './command.ts';

/** RFC 1939 §5. */
export const noop: Pop3Command = {
  name: 'NOOP',
  states: TRANSACTION,
  act: (_, rest) => (rest === undefined ? ok('') : NO_ARGUMENT),
};
