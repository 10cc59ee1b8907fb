import type { Extension } from '../program.ts';
import { textsOf } from '../text.ts';

/** RFC 9042. */
export const mailboxid: Extension = {
  capability: 'mailboxid',
  tests: [
    {
      name: 'mailboxidexists',
      takes: ['strings'],
      compile(call) {
        const ids = call.texts(0);
        call.compiler.asksForMailboxes = true;
        return (run) => textsOf(run, ids).every((id) => run.input.mailboxes?.existsId(id) === true);
      },
    },
  ],
  // RFC 9042 §5.1: not together with :specialuse.
  tags: [{ tag: { name: 'mailboxid', value: 'string', group: 'mailbox-choice' }, on: ['fileinto'] }],
};
