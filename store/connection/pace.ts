import { setTimeout as pause } from 'node:timers/promises';

/** Lets a session have so many commands a second; beyond that it waits for the next second. */
export class CommandPace {
  readonly #maxPerSecond: number;
  #second = 0;
  #count = 0;

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond;
  }

  /** Called before each command: what to wait for, if it comes too soon. */
  keep(): Promise<void> | undefined {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count > this.#maxPerSecond ? pause((second + 1) * 1000 - performance.now()) : undefined;
  }
}
