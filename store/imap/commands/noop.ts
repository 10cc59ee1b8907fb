import { ok } from '../completion.ts';
import { ANY_STATE, type Command, noArguments, SELECTED } from './command.ts';

/** RFC 9051 §6.1.2. */
export const noop: Command<undefined> = {
  name: 'NOOP',
  states: ANY_STATE,
  expunges: true,
  refreshes: true,
  read: noArguments,
  async act() {
    return ok('NOOP completed');
  },
};

/** RFC 3501 §6.4.1: a checkpoint; every command is durable here already. */
export const check: Command<undefined> = {
  ...noop,
  name: 'CHECK',
  states: SELECTED,
  async act() {
    return ok('CHECK completed');
  },
};
