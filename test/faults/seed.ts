/** Random numbers that can be had again: everything that a fault test leaves to chance comes from here. */
export interface Chance {
  readonly seed: number;
  /** In [0, 1). */
  next(): number;
  /** A whole number from `least` to `most`, both included. */
  int(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
}

/** Takes the seed from POSTERN_SEED, or makes one, and prints it, so that a failed run can be repeated. */
export function openChance(what: string): Chance {
  const given = process.env.POSTERN_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`POSTERN_SEED is no whole number: ${given}`);
  console.log(`${what}: POSTERN_SEED=${seed}`);
  return chanceOf(seed);
}

/** The sequence of one seed (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    seed,
    next,
    int,
    pick(from) {
      const value = from[int(0, from.length - 1)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
  };
}
