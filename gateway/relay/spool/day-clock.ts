/** Smaller differences are those of a clock that is kept right by small steps. */
const NOTICED_MS = 1_000;

/** Notices when the clock of the day is put forward or back, by the clock that only counts. */
export class DayClock {
  readonly #day: () => number;
  readonly #count: () => number;
  #offset: number;

  constructor(day: () => number = Date.now, count: () => number = () => performance.now()) {
    this.#day = day;
    this.#count = count;
    this.#offset = day() - count();
  }

  /** By how much the clock was put since the last question: 0 for less than a second, negative when it was put back. */
  jumpMs(): number {
    const offset = this.#day() - this.#count();
    const jump = offset - this.#offset;
    if (Math.abs(jump) < NOTICED_MS) return 0;
    this.#offset = offset;
    return jump;
  }
}
