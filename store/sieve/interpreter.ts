import { DEFAULT_LIMITS, type SieveLimits } from './limits.ts';
import type { Program } from './program.ts';
import { type Action, AsksWhetherSeen, type FileAction, Run, type RunInput, type SeenMark } from './run.ts';
import { RuntimeFault, type ScriptError } from './script-error.ts';

/** What a script decided about one message. */
export type RunOutcome =
  | {
      readonly kind: 'decided';
      /** In the order in which they were taken; the implicit keep is the last one, where it stands (RFC 5228 §2.10.2). */
      readonly actions: readonly Action[];
      /** The message is kept: by the implicit keep, or by `keep`. What comes after this script may still decide otherwise. */
      readonly keeps: boolean;
      readonly seen: readonly SeenMark[];
    }
  /** RFC 5228 §2.10.6: nothing of what it decided counts; the message is kept, and the user told. */
  | { readonly kind: 'failed'; readonly error: ScriptError }
  /** It cannot go on before this is answered in `RunInput.seen`: was the key seen before? */
  | { readonly kind: 'asks'; readonly key: string };

/** Runs a script over a message: pure but for edits of the message's header (RFC 5293). Never throws for what scripts or messages are. */
export function runScript(program: Program, input: RunInput, limits: SieveLimits = DEFAULT_LIMITS): RunOutcome {
  const run = new Run(input, limits);
  try {
    run.execute(program.steps);
  } catch (fault) {
    if (fault instanceof AsksWhetherSeen) return { kind: 'asks', key: fault.key };
    if (fault instanceof RuntimeFault) {
      return { kind: 'failed', error: { ...(fault.at ?? run.at), message: fault.message.slice(0, 500) } };
    }
    throw fault;
  }
  const actions = run.implicitKeep ? [...run.actions, implicitKeep(run)] : run.actions;
  return {
    kind: 'decided',
    actions,
    keeps: actions.some((action) => action.kind === 'file' && action.mailbox === undefined),
    seen: run.seenMarks,
  };
}

/** RFC 5232 §2: the implicit keep takes the flags of the internal variable. */
function implicitKeep({ flags }: Run): FileAction {
  return { kind: 'file', mailbox: undefined, flags, create: false, specialUse: undefined, mailboxId: undefined };
}
