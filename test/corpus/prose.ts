/**
 * Mail as people write it, made the same on every machine: sentences put together from many pieces, so that text compresses and
 * tokenises like real mail and unlike a filler line repeated.
 */
export interface Random {
  /** 0 ≤ n < limit */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** mulberry32: small, fast, and the same everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * limit);
  };
  return { below, pick: (from) => from[below(from.length)] as (typeof from)[number] };
}

export const PEOPLE = [
  'Agnes Okafor',
  'Bartosz Lindqvist',
  'Carla Mendes',
  'Dmitri Halloran',
  'Elif Aydin',
  'Frank Osei',
  'Greta Solberg',
  'Hugo Marchetti',
  'Ines Baumann',
  'Jonas Petridis',
  'Keiko Tanaka',
  'Lars Vermeer',
  'Maya Krishnan',
  'Nils Ostrowski',
  'Olga Fernandes',
  'Priya Raman',
] as const;

const PROJECTS = [
  'the warehouse move',
  'the quarterly audit',
  'the tender for Rotterdam',
  'the new badge readers',
  'the pump station',
  'the travel policy',
  'the payroll migration',
  'the spring catalogue',
  'the insurance claim',
  'the heating contract',
  'the school visit',
  'the beta programme',
] as const;
const THINGS = [
  'drawings',
  'invoices',
  'minutes',
  'figures',
  'samples',
  'floor plans',
  'test results',
  'contracts',
  'photographs',
  'delivery notes',
  'travel bookings',
  'licence keys',
  'spreadsheets',
  'purchase orders',
  'reference letters',
  'meter readings',
] as const;
const DAYS = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'the weekend',
  'the end of the month',
  'next week',
] as const;
const PLACES = [
  'Utrecht',
  'the annex',
  'room 4.17',
  'the canteen',
  'Gdansk',
  'the customer site',
  'Bologna',
  'the lab',
  'hall B',
] as const;
const REASONS = [
  'the supplier changed the price twice',
  'nobody had told facilities',
  'the old version is still on the shared drive',
  'customs held the parcel',
  'two of the signatures were missing',
  'the lift is out of order again',
  'our contact there is on leave',
  'the forecast was wrong by a third',
  'legal wants to read the annexes first',
  'the train from the north was cancelled',
] as const;
const ACTIONS = [
  'check',
  'sign',
  'forward',
  'compare',
  'print',
  'replace',
  'archive',
  'translate',
  'count',
  'approve',
  'rename',
  'summarise',
] as const;

const SENTENCES: readonly ((r: Random) => string)[] = [
  (r) => `Could you ${r.pick(ACTIONS)} the ${r.pick(THINGS)} for ${r.pick(PROJECTS)} before ${r.pick(DAYS)}?`,
  (r) => `${first(r)} asked about ${r.pick(PROJECTS)} again, and I had to say that ${r.pick(REASONS)}.`,
  (r) => `We are ${r.below(80) + 3} short on the ${r.pick(THINGS)}, mostly because ${r.pick(REASONS)}.`,
  (r) => `I am in ${r.pick(PLACES)} until ${r.pick(DAYS)}, so please call rather than write.`,
  (r) =>
    `The ${r.pick(THINGS)} that ${first(r)} sent on ${r.pick(DAYS)} came to ${r.below(90_000) + 500} euros in all, ${r.below(30) + 1} per cent over.`,
  (r) => `If it helps, ${first(r)} can ${r.pick(ACTIONS)} them and I will ${r.pick(ACTIONS)} whatever is left.`,
  (r) => `Nothing new on ${r.pick(PROJECTS)}; ${r.pick(REASONS)}, and ${first(r)} has not answered.`,
  (r) =>
    `The meeting moved to ${r.pick(PLACES)} at ${r.below(9) + 8}:${r.pick(['00', '15', '30', '45'])}, ${r.pick(DAYS)} stays as it was.`,
  (r) => `Ticket ${r.below(90_000) + 10_000} is closed, but ${r.pick(REASONS)}, so keep the ${r.pick(THINGS)}.`,
  (r) => `Please do not ${r.pick(ACTIONS)} the ${r.pick(THINGS)} yet: ${r.pick(REASONS)}.`,
  (r) =>
    `For ${r.pick(PROJECTS)} we need ${r.below(12) + 2} sets of ${r.pick(THINGS)}, and ${first(r)} wants them in ${r.pick(PLACES)}.`,
  (r) => `Thanks for the ${r.pick(THINGS)}; page ${r.below(40) + 1} still says ${r.pick(DAYS)}, which cannot be right.`,
];

function first(r: Random): string {
  return (r.pick(PEOPLE).split(' ')[0] ?? '') as string;
}

/** A subject line. */
export function subjectLine(r: Random): string {
  const about = r.pick(PROJECTS).replace(/^the /, '');
  return r.pick([
    `${about}: ${r.pick(THINGS)} by ${r.pick(DAYS)}`,
    `Re: ${about}`,
    `question on the ${r.pick(THINGS)}`,
    `Fwd: ${about} (${r.pick(PLACES)})`,
  ]);
}

/** Paragraphs of at least this many octets, wrapped at 72, lines ended by CRLF. */
export function prose(r: Random, minOctets: number): string {
  const lines: string[] = [];
  let octets = 0;
  while (octets < minOctets) {
    let line = '';
    const sentences = Array.from({ length: 2 + r.below(5) }, () => r.pick(SENTENCES)(r)).join(' ');
    for (const word of sentences.split(' ')) {
      if (line.length + word.length > 71) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line, '');
    octets = lines.reduce((n, l) => n + l.length + 2, 0);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}
