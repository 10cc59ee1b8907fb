import { randomInt } from 'node:crypto';

/** Not to be foreseen, so that nobody makes ids that all fall into one place of the table. */
const SEED = randomInt(0x7fffffff);

/**
 * Numbers for values of eight octets, given as two unsigned words: 0, 1, 2 … in the order in which they come, the same value the same number. Open
 * addressing in typed arrays: no object a value.
 */
export class InternedOctets {
  #count = 0;
  #mask: number;
  /** Number + 1 by place; 0 is free. */
  #places: Int32Array;
  #high: Uint32Array;
  #low: Uint32Array;

  /** @param expected how many different ones there may be; more make it grow */
  constructor(expected: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(64, expected * 2)));
    this.#mask = size - 1;
    this.#places = new Int32Array(size);
    this.#high = new Uint32Array(size >>> 1);
    this.#low = new Uint32Array(size >>> 1);
  }

  get count(): number {
    return this.#count;
  }

  numberOf(high: number, low: number): number {
    let place = placeOf(high, low) & this.#mask;
    for (;;) {
      const known = (this.#places[place] as number) - 1;
      if (known < 0) break;
      if (this.#low[known] === low && this.#high[known] === high) return known;
      place = (place + 1) & this.#mask;
    }
    const number = this.#count;
    this.#high[number] = high;
    this.#low[number] = low;
    this.#places[place] = number + 1;
    this.#count += 1;
    if (this.#count === this.#high.length) this.#grow();
    return number;
  }

  #grow(): void {
    const size = this.#places.length * 2;
    const [high, low] = [this.#high, this.#low];
    this.#mask = size - 1;
    this.#places = new Int32Array(size);
    this.#high = new Uint32Array(size >>> 1);
    this.#low = new Uint32Array(size >>> 1);
    this.#high.set(high);
    this.#low.set(low);
    for (let number = 0; number < this.#count; number += 1) {
      let place = placeOf(high[number] as number, low[number] as number) & this.#mask;
      while (this.#places[place] !== 0) place = (place + 1) & this.#mask;
      this.#places[place] = number + 1;
    }
  }
}

function placeOf(high: number, low: number): number {
  const mixed = Math.imul(low ^ SEED, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
