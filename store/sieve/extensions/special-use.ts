import type { Extension } from '../program.ts';
import { textOf, textsOf } from '../text.ts';

/** RFC 8579. */
export const specialUse: Extension = {
  capability: 'special-use',
  tests: [
    {
      name: 'specialuse_exists',
      takes: ['strings'],
      orTakes: ['string', 'strings'],
      compile(call) {
        const named = call.positionalCount === 2;
        const mailbox = named ? call.text(0) : undefined;
        const uses = call.texts(named ? 1 : 0);
        call.compiler.asksForMailboxes = true;
        return (run) => {
          const name = mailbox === undefined ? undefined : textOf(run, mailbox);
          return textsOf(run, uses).every((use) => run.input.mailboxes?.existsUse(use, name) === true);
        };
      },
    },
  ],
  tags: [{ tag: { name: 'specialuse', value: 'string', group: 'mailbox-choice' }, on: ['fileinto'] }],
};
