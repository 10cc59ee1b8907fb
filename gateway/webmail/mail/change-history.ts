import type { EmailChanges } from './account-index.ts';

interface Step {
  readonly from: string;
  readonly to: string;
  readonly changes: EmailChanges;
}

/** Steps, and ids in them, that are remembered. */
const MAX_STEPS = 200;
const MAX_IDS = 20_000;

export const noChanges = (): EmailChanges => ({ created: new Set(), updated: new Set(), destroyed: new Map() });

const sizeOf = ({ created, updated, destroyed }: EmailChanges): number => created.size + updated.size + destroyed.size;

/** How the account came from one state to the next, as far as this process saw it. */
export class ChangeHistory {
  readonly #steps: Step[] = [];

  add(from: string, to: string, changes: EmailChanges): void {
    if (from === to && sizeOf(changes) === 0) return;
    this.#steps.push({ from, to, changes });
    let ids = 0;
    for (let i = this.#steps.length - 1; i >= 0; i -= 1) {
      const step = this.#steps[i];
      ids += step === undefined ? 0 : sizeOf(step.changes);
      if (ids > MAX_IDS || this.#steps.length - i > MAX_STEPS) {
        this.#steps.splice(0, i + 1);
        break;
      }
    }
  }

  /** Everything from a state up to now; undefined when the state is not remembered. */
  since(state: string, now: string): EmailChanges | undefined {
    const sum = noChanges();
    if (state === now && !this.#steps.some(({ from }) => from === state)) return sum;
    const first = this.#steps.findIndex(({ from }) => from === state);
    if (first < 0) return undefined;
    for (const { changes } of this.#steps.slice(first)) {
      for (const id of changes.created) {
        if (sum.destroyed.delete(id)) sum.updated.add(id);
        else sum.created.add(id);
      }
      for (const id of changes.updated) if (!sum.created.has(id)) sum.updated.add(id);
      for (const [id, threadId] of changes.destroyed) {
        sum.updated.delete(id);
        if (!sum.created.delete(id)) sum.destroyed.set(id, threadId);
      }
    }
    return sum;
  }
}
