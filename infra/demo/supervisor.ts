import { setTimeout as pause } from 'node:timers/promises';

/** A part of the stack while it runs. */
export interface RunningPart {
  readonly pid: number;
  /** Resolves when the part has ended, for whatever reason, with words for the screen. */
  readonly ended: Promise<string>;
  /** Ends it in good order and waits; by force after a deadline. */
  stop(): Promise<void>;
  kill(): void;
}

/**
 * How a part is started. `start` resolves when it answers, and throws when it does not come up, or when `stopping` is
 * aborted meanwhile.
 */
export interface Part {
  readonly name: string;
  start(stopping: AbortSignal): Promise<RunningPart>;
}

export interface SupervisorEvents {
  /** A part came back after it had died: pids have changed. */
  readonly onRestarted: (name: string, pid: number) => void;
  readonly onDied: (name: string, how: string, pauseMs: number) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A part that ran this long is healthy: the pause starts small again. */
const HEALTHY_MS = 60_000;

/** Keeps the parts of a stack alive: one that dies is started again, after a pause that grows while it keeps dying. */
export class Supervisor {
  readonly #running = new Map<string, RunningPart>();
  readonly #guards: Promise<void>[] = [];
  readonly #events: SupervisorEvents;
  readonly #stopping = new AbortController();

  constructor(events: SupervisorEvents) {
    this.#events = events;
  }

  /** Process ids by the parts' names, in the order of their start. */
  get pids(): Record<string, number> {
    return Object.fromEntries([...this.#running].map(([name, part]) => [name, part.pid]));
  }

  /** Starts a part for the first time, and guards it from then on. Rejects with the part's own error. */
  async add(part: Part): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const running = await part.start(this.#stopping.signal);
    this.#running.set(part.name, running);
    this.#guards.push(this.#guard(part, running));
    this.#stopping.signal.throwIfAborted();
  }

  /** Ends all parts, the last started first, and waits for each. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the stack is stopping'));
    for (const part of [...this.#running.values()].reverse()) await part.stop();
    await Promise.all(this.#guards);
  }

  /** Ends all parts at once. */
  kill(): void {
    this.#stopping.abort(new Error('the stack is stopping'));
    for (const part of this.#running.values()) part.kill();
  }

  async #guard(part: Part, first: RunningPart): Promise<void> {
    const { signal } = this.#stopping;
    let running = first;
    let pauseMs = FIRST_PAUSE_MS;
    while (true) {
      const since = performance.now();
      let how = await running.ended;
      if (performance.now() - since > HEALTHY_MS) pauseMs = FIRST_PAUSE_MS;
      let next: RunningPart | undefined;
      while (next === undefined) {
        if (signal.aborted) return;
        this.#events.onDied(part.name, how, pauseMs);
        await pause(pauseMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        try {
          next = await part.start(signal);
        } catch (error) {
          how = (error as Error).message;
        }
      }
      running = next;
      this.#running.set(part.name, running);
      if (signal.aborted) {
        await running.stop();
        return;
      }
      this.#events.onRestarted(part.name, running.pid);
    }
  }
}
