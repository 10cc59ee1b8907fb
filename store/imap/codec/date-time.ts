import type { ArgumentReader } from './lexer.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
export const DAY_MS = 86_400_000;

/** RFC 9051 §9 date, as days since 1970-01-01. */
export function readDate(args: ArgumentReader): number {
  const text = args.peek() === '"' ? args.string() : args.atom();
  const match = /^(\d{1,2})-([a-z]{3})-(\d{4})$/i.exec(text);
  const ms = match === null ? undefined : utcMs(match[1], match[2], match[3]);
  return ms === undefined ? args.fail('bad date') : ms / DAY_MS;
}

/** RFC 9051 §9 date-time, as milliseconds since the epoch. */
export function readDateTime(args: ArgumentReader): number {
  const match = /^( \d|\d{2})-([a-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/i.exec(args.string());
  const day = match === null ? undefined : utcMs(match[1], match[2], match[3]);
  if (match === null || day === undefined) return args.fail('bad date-time');
  const [hours, minutes, seconds, zoneHours, zoneMinutes] = [4, 5, 6, 8, 9].map((n) => Number(match[n])) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (hours > 23 || minutes > 59 || seconds > 60 || zoneHours > 23 || zoneMinutes > 59)
    return args.fail('bad date-time');
  const zone = (zoneHours * 60 + zoneMinutes) * (match[7] === '-' ? -1 : 1);
  return day + ((hours * 60 + minutes - zone) * 60 + seconds) * 1000;
}

/** Midnight UTC of a calendar day; undefined when there is no such day. */
function utcMs(dayText = '', monthText = '', yearText = ''): number | undefined {
  const day = Number(dayText);
  const month = MONTHS.findIndex((m) => m.toLowerCase() === monthText.toLowerCase());
  if (month < 0) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(yearText), month, day);
  return date.getUTCDate() === day && date.getUTCMonth() === month ? date.getTime() : undefined;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** RFC 9051 §9 date-time without its quotes, in UTC: `17-Jul-1996 02:44:25 +0000`. */
export function formatDateTime(ms: number): string {
  const date = new Date(ms);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day}-${MONTHS[date.getUTCMonth()]}-${year} ${time} +0000`;
}
