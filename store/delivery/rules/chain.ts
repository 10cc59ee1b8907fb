import { runScript } from '../../sieve/interpreter.ts';
import type { SieveLimits } from '../../sieve/limits.ts';
import type { Action, FileAction, RunInput, SeenMark } from '../../sieve/run.ts';
import type { ScriptError } from '../../sieve/script-error.ts';
import type { RuleLink } from './account-rules.ts';

/** What all scripts together decided about a message. */
export interface ChainOutcome {
  readonly actions: readonly Action[];
  readonly seen: readonly SeenMark[];
  /** The first script that failed. */
  readonly error: (ScriptError & { readonly script: string }) | undefined;
}

/** An answer that is missing: was this key of `duplicate` seen? */
export interface ChainQuestion {
  readonly asks: string;
}

const KEEP: FileAction = {
  kind: 'file',
  mailbox: undefined,
  flags: undefined,
  create: false,
  specialUse: undefined,
  mailboxId: undefined,
};

/**
 * Runs scripts one after the other: the next one has its say as long as the one before keeps the message; what else they decide adds up. A
 * script that fails decides nothing but to keep, and ends the row. The out-of-office answer is added at the end, if the message was not refused or thrown away.
 */
export function runChain(
  links: readonly RuleLink[],
  input: Omit<RunInput, 'include'>,
  limits: SieveLimits,
): ChainOutcome | ChainQuestion {
  const actions: Action[] = [];
  const seen: SeenMark[] = [];
  let keep: FileAction | undefined = KEEP;
  let error: ChainOutcome['error'];
  for (const { name, kind, program, include } of links) {
    if (kind === 'vacation') continue;
    const outcome =
      'steps' in program
        ? runScript(program, { ...input, include }, limits)
        : ({ kind: 'failed', error: program } as const);
    if (outcome.kind === 'asks') return { asks: outcome.key };
    if (outcome.kind === 'failed' || refusesTooLate(outcome.actions, actions)) {
      const what = outcome.kind === 'failed' ? outcome.error : REFUSED_TOO_LATE;
      error = { ...what, script: name };
      keep ??= KEEP;
      break;
    }
    seen.push(...outcome.seen);
    let kept: FileAction | undefined;
    for (const action of outcome.actions) {
      if (action.kind === 'file' && action.mailbox === undefined) kept = action;
      else actions.push(action);
    }
    if (kept === undefined) {
      keep = undefined;
      break;
    }
    // Flags that an earlier script gave stay, unless a later one speaks of flags.
    keep = { ...kept, flags: kept.flags ?? keep.flags };
  }
  if (keep !== undefined) actions.push(keep);
  addAnswer(links, input, limits, actions);
  return { actions, seen, error };
}

const REFUSED_TOO_LATE: ScriptError = {
  line: 0,
  column: 0,
  message: 'a refusal cannot go with what scripts of the site have done before',
};

/** RFC 5429 §2.4: what was filed or sent on is not refused. */
function refusesTooLate(now: readonly Action[], before: readonly Action[]): boolean {
  return now.some(({ kind }) => kind === 'reject') && before.some(({ kind }) => kind === 'file' || kind === 'redirect');
}

function addAnswer(
  links: readonly RuleLink[],
  input: Omit<RunInput, 'include'>,
  limits: SieveLimits,
  actions: Action[],
): void {
  const link = links.find(({ kind }) => kind === 'vacation');
  if (link === undefined || !('steps' in link.program)) return;
  if (!actions.some(({ kind }) => kind === 'file' || kind === 'redirect')) return;
  if (actions.some(({ kind }) => kind === 'vacation' || kind === 'reject')) return;
  const outcome = runScript(link.program, input, limits);
  if (outcome.kind === 'decided') actions.push(...outcome.actions.filter(({ kind }) => kind === 'vacation'));
}
