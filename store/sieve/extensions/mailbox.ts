import type { Extension } from '../program.ts';
import { textsOf } from '../text.ts';

/** RFC 5490 §3. */
export const mailbox: Extension = {
  capability: 'mailbox',
  tests: [
    {
      name: 'mailboxexists',
      takes: ['strings'],
      compile(call) {
        const names = call.texts(0);
        call.compiler.asksForMailboxes = true;
        return (run) => textsOf(run, names).every((name) => run.input.mailboxes?.exists(name) === true);
      },
    },
  ],
  tags: [{ tag: { name: 'create' }, on: ['fileinto'] }],
};
