import { plainAddress } from '../address-part.ts';
import type { Call } from '../call.ts';
import type { Extension, Step } from '../program.ts';
import type { FileAction, Run } from '../run.ts';
import { textOf, textsOf } from '../text.ts';
import { flagsOf } from './imap4flags.ts';

/** The part of keep and fileinto that extensions add to. */
export function compileFiling(call: Call): (run: Run) => Omit<FileAction, 'mailbox'> {
  const flags = call.tagTexts('flags');
  const create = call.has('create');
  const specialUse = call.tagText('specialuse');
  const mailboxId = call.tagText('mailboxid');
  // Which mailbox an id stands for is looked up (RFC 9042 §4).
  if (mailboxId !== undefined) call.compiler.asksForMailboxes = true;
  return (run) => ({
    kind: 'file',
    // RFC 5232 §5: the tag's flags in place of the internal variable.
    flags: flags === undefined ? run.flags : flagsOf(textsOf(run, flags)),
    create,
    specialUse: specialUse === undefined ? undefined : textOf(run, specialUse),
    mailboxId: mailboxId === undefined ? undefined : textOf(run, mailboxId),
  });
}

function compileRedirect(call: Call): Step {
  const address = call.text(0);
  const isCopy = call.has('copy');
  if (typeof address === 'string' && plainAddress(address) === undefined) call.fail(`not a mail address: ${address}`);
  return (run) => {
    const text = textOf(run, address);
    const plain = plainAddress(text) ?? run.fail('the address of a redirect is none');
    run.act({ kind: 'redirect', address: plain });
    if (!isCopy) run.implicitKeep = false;
  };
}

/** RFC 5228 §3.3, §4: stop, keep, discard and redirect. `require` and `if` are the compiler's. */
export const baseActions: Extension = {
  capability: '',
  commands: [
    {
      name: 'stop',
      compile: () => (run) => {
        run.halted = 'stop';
      },
    },
    {
      name: 'keep',
      compile(call) {
        const filing = compileFiling(call);
        return (run) => {
          run.act({ ...filing(run), mailbox: undefined });
          run.implicitKeep = false;
        };
      },
    },
    {
      name: 'discard',
      compile: () => (run) => {
        run.act({ kind: 'discard' });
        run.implicitKeep = false;
      },
    },
    { name: 'redirect', takes: ['string'], compile: compileRedirect },
  ],
};
