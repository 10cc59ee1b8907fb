const ZERO = 0x30;
/** What fits into 32 bits is divided quickest. */
const BILLION = 1_000_000_000;

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
  if (value <= 0xffffffff) return putDigits(to, at, value, digitsOf(value));
  const high = Math.floor(value / BILLION);
  return putDigits(to, putNumber(to, at, high), value - high * BILLION, 9);
}

function putDigits(to: Uint8Array, at: number, value: number, digits: number): number {
  let left = value;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    const rest = (left / 10) >>> 0;
    to[place] = ZERO + left - rest * 10;
    left = rest;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : 4;
  if (value < 100_000_000) return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  return value < BILLION ? 9 : 10;
}
