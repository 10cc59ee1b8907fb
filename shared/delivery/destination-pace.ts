/**
 * How many messages are sent to one destination at a time: one more after each round that went well, half as many after a
 * sign of overload (additive increase, multiplicative decrease). Holds no clock and no timer.
 */
export class DestinationPace {
  readonly #max: number;
  #window: number;
  #inFlight = 0;
  /** Sends that began before the last decrease: their troubles are the same trouble. */
  #before = 0;

  /** @param max most at a time; the first round begins with half of it */
  constructor(max: number) {
    this.#max = max;
    this.#window = Math.max(1, max / 2);
  }

  /** Whole sends that may be under way now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#window));
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether one more may begin. */
  get isFree(): boolean {
    return this.#inFlight < this.limit;
  }

  begin(): void {
    this.#inFlight++;
  }

  end(result: 'well' | 'overloaded' | 'neither'): void {
    this.#inFlight--;
    const old = this.#before > 0;
    if (old) this.#before--;
    if (result === 'well') this.#window = Math.min(this.#max, this.#window + 1 / this.limit);
    if (result !== 'overloaded' || old) return;
    this.#window = Math.max(1, this.#window / 2);
    this.#before = this.#inFlight;
  }
}
