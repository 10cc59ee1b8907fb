import { setTimeout as pause } from 'node:timers/promises';

/** Lets a session have so many commands a second; beyond that it waits for the next second. */
export class CommandPace {
  readonly #maxPerSecond: number;
  #second = 0;
  #count = 0;

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond;
  }

  /** Called before each command. */
  async keep(): Promise<void> {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count > this.#maxPerSecond) await pause((second + 1) * 1000 - performance.now());
  }
}
