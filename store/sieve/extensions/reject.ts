import type { Call } from '../call.ts';
import type { Extension, Step } from '../program.ts';
import type { Action, RejectAction } from '../run.ts';
import { textOf } from '../text.ts';

/** RFC 5429 §2.4: a message that is refused goes nowhere else. */
const INCOMPATIBLE: readonly Action['kind'][] = ['file', 'redirect', 'vacation', 'reject'];

function compileRefusal(call: Call, how: RejectAction['how']): Step {
  const reason = call.text(0);
  return (run) => {
    const other = run.actions.find(({ kind }) => INCOMPATIBLE.includes(kind));
    if (other !== undefined) run.fail(`"${how}" cannot go with another action that was taken`);
    run.act({ kind: 'reject', reason: textOf(run, reason), how });
    run.implicitKeep = false;
  };
}

/** RFC 5429 §2.2. */
export const reject: Extension = {
  capability: 'reject',
  commands: [{ name: 'reject', takes: ['string'], compile: (call) => compileRefusal(call, 'reject') }],
};

/** RFC 5429 §2.1. */
export const ereject: Extension = {
  capability: 'ereject',
  commands: [{ name: 'ereject', takes: ['string'], compile: (call) => compileRefusal(call, 'ereject') }],
};
