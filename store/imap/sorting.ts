import type { KeyWants, MessageKeys } from '../mailstore/mailstore.ts';
import type { SortCriterion, SortKey } from './codec/sort-criteria.ts';

/** Criteria that lie in no narrow row of keys. */
const ARRIVAL: ReadonlySet<SortKey> = new Set(['ARRIVAL', 'SIZE']);
const NUMBERS: ReadonlySet<SortKey> = new Set(['ARRIVAL', 'SIZE', 'DATE', 'RELEVANCY']);

/** What has to be read of the messages for these criteria. */
export function keysFor(criteria: readonly SortCriterion[]): KeyWants {
  return {
    arrival: criteria.some(({ key }) => ARRIVAL.has(key)),
    texts: criteria.some(({ key }) => !NUMBERS.has(key)),
  };
}

/**
 * Places of the messages in the order of the criteria; equal ones stay in the order given (RFC 5256 §3: the implicit last
 * criterion is the sequence number).
 *
 * @param scores of the messages in the same order, for RELEVANCY
 */
export function sortedPlaces(
  messages: readonly MessageKeys[],
  criteria: readonly SortCriterion[],
  scores: readonly number[],
): number[] {
  const [only] = criteria;
  if (criteria.length === 1 && only !== undefined && NUMBERS.has(only.key)) {
    return placesByNumber(
      messages.map((message, place) => numberOf(message, only.key, scores[place] ?? 0)),
      only.reverse,
    );
  }
  const columns = criteria.map(({ key, reverse }) => ({
    sign: reverse ? -1 : 1,
    values: messages.map((message, place) =>
      NUMBERS.has(key) ? numberOf(message, key, scores[place] ?? 0) : textOf(message, key),
    ),
  }));
  return messages
    .map((_, place) => place)
    .sort((a, b) => {
      for (const { sign, values } of columns) {
        const x = values[a] ?? 0;
        const y = values[b] ?? 0;
        if (x < y) return -sign;
        if (x > y) return sign;
      }
      return a - b;
    });
}

/** Numbers sort in a typed array when value and place fit together into the 53 bits of a float. */
function placesByNumber(values: readonly number[], reverse: boolean): number[] {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  const count = values.length;
  if (count === 0) return [];
  if ((highest - lowest + 1) * count > Number.MAX_SAFE_INTEGER) {
    const sign = reverse ? -1 : 1;
    return values.map((_, place) => place).sort((a, b) => sign * ((values[a] ?? 0) - (values[b] ?? 0)) || a - b);
  }
  const packed = new Float64Array(count);
  for (let place = 0; place < count; place += 1) {
    const value = values[place] ?? 0;
    packed[place] = (reverse ? highest - value : value - lowest) * count + place;
  }
  packed.sort();
  return Array.from(packed, (value) => value % count);
}

function numberOf(message: MessageKeys, key: SortKey, score: number): number {
  switch (key) {
    case 'ARRIVAL':
      return message.internalDateMs;
    case 'SIZE':
      return message.sizeBytes;
    case 'RELEVANCY':
      // RFC 6203 §5: the most relevant first.
      return -score;
    default:
      return message.sentAtMs;
  }
}

function textOf({ texts }: MessageKeys, key: SortKey): string {
  switch (key) {
    case 'CC':
      return texts.cc;
    case 'FROM':
      return texts.from;
    case 'TO':
      return texts.to;
    case 'DISPLAYFROM':
      return texts.displayFrom;
    case 'DISPLAYTO':
      return texts.displayTo;
    default:
      return texts.baseSubject;
  }
}
