/** The numbers of a sequence set without `*` (RFC 9051 §9). At most `max` are read. */
export function readSequenceSet(text: string, max = 5_000_000): number[] {
  const numbers: number[] = [];
  for (const range of text.split(',')) {
    const [first, last = first] = range.split(':').map(Number);
    if (first === undefined || last === undefined || !(first > 0) || !(last > 0)) continue;
    const end = Math.max(first, last);
    for (let n = Math.min(first, last); n <= end && numbers.length < max; n += 1) numbers.push(n);
  }
  return numbers;
}
