/** So many at a time; who comes later waits for a turn, as long as it can. */
export class Turns {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Runs `work` when there is a free turn; undefined when there was none within `patienceMs`. */
  async take<T>(patienceMs: number, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#max) this.#running++;
    else if (!(await this.#turn(patienceMs))) return undefined;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        resolve(false);
      }, patienceMs);
      this.#waiting.push(begin);
    });
  }
}
