import { formatDate, parseDate, type ZonedDate } from '@postern/shared/message/date.ts';
import type { Call } from '../call.ts';
import { fieldsAt } from '../field-choice.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension, Predicate, TagDefinition } from '../program.ts';
import type { Run } from '../run.ts';
import { type Text, textOf } from '../text.ts';

const two = (n: number): string => String(n).padStart(2, '0');

/** RFC 5260 §4.2: parts of a date as it is read in its zone; `at` is shifted so that its UTC fields are the local ones. */
const PARTS: Readonly<Record<string, (at: Date, zoneMinutes: number) => string>> = {
  year: (at) => String(at.getUTCFullYear()).padStart(4, '0'),
  month: (at) => two(at.getUTCMonth() + 1),
  day: (at) => two(at.getUTCDate()),
  date: (at) => dateOf(at),
  // RFC 5260 §4.2: the Modified Julian Day, of the local date.
  julian: (at) => String(Math.floor(at.getTime() / 86_400_000) + 40_587),
  hour: (at) => two(at.getUTCHours()),
  minute: (at) => two(at.getUTCMinutes()),
  second: (at) => two(at.getUTCSeconds()),
  time: (at) => timeOf(at),
  iso8601: (at, zone) => `${dateOf(at)}T${timeOf(at)}${zoneText(zone, ':')}`,
  std11: (at, zone) =>
    formatDate(at.getTime() - zone * 60_000, zone).replace(/ (\d\d) /, (_, day) => ` ${Number(day)} `),
  zone: (_at, zone) => zoneText(zone, ''),
  weekday: (at) => String(at.getUTCDay()),
};

const dateOf = (at: Date): string => at.toISOString().slice(0, -14);
const timeOf = (at: Date): string => at.toISOString().slice(-13, -5);

function zoneText(minutes: number, separator: string): string {
  const absolute = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}${separator}${two(absolute % 60)}`;
}

function zoneOf(text: string): number | undefined {
  const match = /^([+-])(\d\d)([0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === '-' ? -minutes : minutes;
}

/** The zone in which a date is read: the one named, the date's own, or the server's. */
function compileZone(call: Call): (run: Run, date: ZonedDate) => number {
  const zone = call.tagText('zone');
  if (typeof zone === 'string' && zoneOf(zone) === undefined) call.fail(`"${zone}" is no zone such as "+0100"`);
  if (zone !== undefined) {
    return (run) => zoneOf(textOf(run, zone)) ?? run.fail('the value of :zone is no zone');
  }
  if (call.has('originalzone')) return (_run, date) => date.zoneMinutes;
  return (run) => run.input.now.zoneMinutes;
}

function compilePart(call: Call, text: Text): (run: Run) => (at: Date, zone: number) => string {
  const known = (name: string): ((at: Date, zone: number) => string) | undefined =>
    Object.hasOwn(PARTS, name.toLowerCase()) ? PARTS[name.toLowerCase()] : undefined;
  if (typeof text === 'string') {
    const part = known(text);
    return part === undefined ? call.fail(`"${text}" is no part of a date`) : () => part;
  }
  return (run) => known(textOf(run, text)) ?? run.fail('unknown part of a date');
}

function partValue(date: ZonedDate, zoneMinutes: number, part: (at: Date, zone: number) => string): Value[] {
  const at = new Date(date.ms + zoneMinutes * 60_000);
  const year = at.getUTCFullYear();
  return Number.isNaN(year) || year < 0 || year > 9999 ? [] : [new Value(part(at, zoneMinutes))];
}

function compileDate(call: Call): Predicate {
  const name = call.text(0);
  const part = compilePart(call, call.text(1));
  const matches = call.matcher(2);
  const zone = compileZone(call);
  const choice = fieldsAt(call);
  return (run) => {
    const { header } = run.input.message;
    const fields = choice(header.named(textOf(run, name).toLowerCase()));
    // Without :index the first field counts (RFC 5260 §4: the last Received field is the first one of the header).
    const values = fields.slice(0, 1).flatMap((field) => {
      // RFC 5260 §4: of a field with more in it, the date stands behind its last semicolon.
      const text = header.raw(field);
      const date = parseDate(text.slice(text.lastIndexOf(';') + 1));
      return date === undefined ? [] : partValue(date, zone(run, date), part(run));
    });
    return matches(run, values);
  };
}

function compileCurrentDate(call: Call): Predicate {
  const part = compilePart(call, call.text(0));
  const matches = call.matcher(1);
  const zone = compileZone(call);
  return (run) => matches(run, partValue(run.input.now, zone(run, run.input.now), part(run)));
}

const ZONE: TagDefinition = { name: 'zone', value: 'string', group: 'zone' };

/** RFC 5260 §4, §5. */
export const date: Extension = {
  capability: 'date',
  tests: [
    {
      name: 'date',
      tags: [...MATCHING_TAGS, ZONE, { name: 'originalzone', group: 'zone' }],
      takes: ['string', 'string', 'strings'],
      compile: compileDate,
    },
    { name: 'currentdate', tags: [...MATCHING_TAGS, ZONE], takes: ['string', 'strings'], compile: compileCurrentDate },
  ],
};
