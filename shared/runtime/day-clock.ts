/** Smaller differences are those of a clock that is kept right by small steps, or that is asked over a wire. */
const NOTICED_MS = 1_000;

/** Notices when the clock of the day is put forward or back, by the clock that only counts. */
export class DayClock {
  readonly #day: () => number;
  readonly #count: () => number;
  readonly #noticedMs: number;
  #offset: number;

  /** @param noticedMs smaller differences do not count */
  constructor(day: () => number = Date.now, count: () => number = () => performance.now(), noticedMs = NOTICED_MS) {
    this.#noticedMs = noticedMs;
    this.#day = day;
    this.#count = count;
    this.#offset = day() - count();
  }

  /** By how much the clock was put since the last question: 0 for less than what counts, negative when it was put back. */
  jumpMs(): number {
    const offset = this.#day() - this.#count();
    const jump = offset - this.#offset;
    if (Math.abs(jump) < this.#noticedMs) return 0;
    this.#offset = offset;
    return jump;
  }
}
