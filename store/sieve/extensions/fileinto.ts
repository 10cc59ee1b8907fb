import type { Extension } from '../program.ts';
import { textOf } from '../text.ts';
import { compileFiling } from './base-actions.ts';

/** Longest name that the store takes. */
const MAX_NAME_LENGTH = 1000;

/** RFC 5228 §4.1. A mailbox that is not there means the INBOX, unless `:create` (RFC 5490 §3.2) is given. */
export const fileinto: Extension = {
  capability: 'fileinto',
  commands: [
    {
      name: 'fileinto',
      takes: ['string'],
      compile(call) {
        const mailbox = call.text(0);
        const filing = compileFiling(call);
        const isCopy = call.has('copy');
        if (mailbox === '') call.fail('the name of a mailbox is empty');
        return (run) => {
          const name = textOf(run, mailbox);
          // What a sender wrote may become part of a name: such a name does not stop the script.
          run.act({ ...filing(run), mailbox: name.slice(0, MAX_NAME_LENGTH) });
          if (!isCopy) run.implicitKeep = false;
        };
      },
    },
  ],
};
