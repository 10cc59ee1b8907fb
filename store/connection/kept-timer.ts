/** A timer that is kept from wait to wait: to set it again for as long costs much less than to make another one. */
export class KeptTimer {
  readonly #fire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #afterMs = 0;

  /** @param fire called whenever the time is over, whether anybody still waits or not */
  constructor(fire: () => void) {
    this.#fire = fire;
  }

  set(afterMs: number): void {
    const whole = Math.ceil(afterMs);
    if (this.#timer !== undefined && this.#afterMs === whole) {
      this.#timer.refresh();
      return;
    }
    clearTimeout(this.#timer);
    this.#afterMs = whole;
    this.#timer = setTimeout(this.#fire, whole);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
