const ZERO = 0x30;

/** Copies octets to a place; returns the place behind them. A loop is quicker than `set` for the short runs that responses are made of. */
export function putOctets(to: Uint8Array, at: number, octets: Uint8Array): number {
  const { length } = octets;
  for (let i = 0; i < length; i += 1) to[at + i] = octets[i] as number;
  return at + length;
}

/** Most octets of a number. */
export const NUMBER_OCTETS = 16;

/** Writes a number (an integer from 0 to 2^53) in decimal; returns the place behind it. No string is made. */
export function putNumber(to: Uint8Array, at: number, value: number): number {
  if (value < FOUR) return putUpToFour(to, at, value);
  if (value < FOUR * FOUR) {
    const high = (value / FOUR) | 0;
    return putFour(to, putUpToFour(to, at, high), value - high * FOUR);
  }
  const high = Math.floor(value / FOUR);
  return putFour(to, putNumber(to, at, high), value - high * FOUR);
}

/** Numbers below this have four digits at most: they are looked up, since division is what takes time. */
const FOUR = 10_000;
/** `0000` to `9999`. */
const DIGITS = new Uint8Array(4 * FOUR);
for (let value = 0; value < FOUR; value += 1) {
  for (let place = 3, left = value; place >= 0; place -= 1, left = Math.floor(left / 10)) {
    DIGITS[value * 4 + place] = ZERO + (left % 10);
  }
}

function putFour(to: Uint8Array, at: number, value: number): number {
  const from = value * 4;
  to[at] = DIGITS[from] as number;
  to[at + 1] = DIGITS[from + 1] as number;
  to[at + 2] = DIGITS[from + 2] as number;
  to[at + 3] = DIGITS[from + 3] as number;
  return at + 4;
}

/** Without zeros before it. */
function putUpToFour(to: Uint8Array, at: number, value: number): number {
  if (value >= 1_000) return putFour(to, at, value);
  const from = value * 4;
  let next = at;
  if (value >= 100) to[next++] = DIGITS[from + 1] as number;
  if (value >= 10) to[next++] = DIGITS[from + 2] as number;
  to[next++] = DIGITS[from + 3] as number;
  return next;
}
