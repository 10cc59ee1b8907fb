/** A moment, and the zone that it was written in. */
export interface ZonedDate {
  /** Milliseconds since 1970 (UTC). */
  readonly ms: number;
  /** Minutes east of UTC. */
  readonly zoneMinutes: number;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** RFC 5322 §4.3: zones by name, in hours; every other name means "unknown", which is -0000. */
const ZONE_HOURS: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

const DATE_TIME =
  /^(?:[a-z]+(?:\s*,\s*|\s+))?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4})(?:,?\s+(\d{1,2})\s*[:.]\s*(\d{2})(?:\s*[:.]\s*(\d{2})(?:[.,]\d+)?)?)?\s*(?:([+-]\d{4}|[+-]\d\d:\d\d)|([a-z]+))?/i;
/** C's asctime, which old programs write. */
const ASCTIME = /^[a-z]{3},?\s+([a-z]{3})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:[a-z]+\s+)?(\d{4})/i;
const INTERNAL_DATE = /^([ \d]\d)-([a-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})$/i;
const MAX_DATE_LENGTH = 200;

/** A Date field (RFC 5322 §3.3, obsolete forms of §4.3, and some that are merely common), or undefined if it is none. */
export function parseDate(value: string): ZonedDate | undefined {
  const text = value
    .slice(0, MAX_DATE_LENGTH)
    .replace(/\([^()]*\)/g, ' ')
    .trim();
  const match = DATE_TIME.exec(text);
  if (match) {
    const [, day, month, year, hour, minute, second, offset, zone] = match;
    return dateOf(fullYear(year as string), month, day, hour, minute, second, zoneOf(offset, zone));
  }
  const [, month, day, hour, minute, second, year] = ASCTIME.exec(text) ?? [];
  return year === undefined ? undefined : dateOf(Number(year), month, day, hour, minute, second, 0);
}

/** IMAP's date-time without its quotes (RFC 9051 §9): `17-Jul-1996 02:44:25 -0700`. Undefined if it is none. */
export function parseInternalDate(text: string): ZonedDate | undefined {
  const match = INTERNAL_DATE.exec(text);
  if (!match) return undefined;
  const [, day, month, year, hour, minute, second, offset] = match;
  return dateOf(Number(year), month, (day as string).trim(), hour, minute, second, zoneOf(offset, undefined));
}

/** The same in the other direction; the day has two characters, padded with a space (date-day-fixed). */
export function formatInternalDate(ms: number, zoneMinutes = 0): string {
  const at = new Date(ms + zoneMinutes * 60_000);
  const day = String(at.getUTCDate()).padStart(2, ' ');
  return `${day}-${MONTHS[at.getUTCMonth()]}-${year4(at)} ${timeOf(at)} ${formatZone(zoneMinutes)}`;
}

/** A Date field's value (RFC 5322 §3.3): `Mon, 01 Jan 2024 10:00:00 +0100`. */
export function formatDate(ms: number, zoneMinutes = 0): string {
  const at = new Date(ms + zoneMinutes * 60_000);
  const weekday = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][at.getUTCDay()];
  const day = String(at.getUTCDate()).padStart(2, '0');
  return `${weekday}, ${day} ${MONTHS[at.getUTCMonth()]} ${year4(at)} ${timeOf(at)} ${formatZone(zoneMinutes)}`;
}

function year4(at: Date): string {
  return String(at.getUTCFullYear()).padStart(4, '0');
}

function timeOf(at: Date): string {
  return at.toISOString().slice(-13, -5);
}

function formatZone(zoneMinutes: number): string {
  const minutes = Math.abs(zoneMinutes);
  const digits = Math.floor(minutes / 60) * 100 + (minutes % 60);
  return `${zoneMinutes < 0 ? '-' : '+'}${String(digits).padStart(4, '0')}`;
}

/** RFC 5322 §4.3: two digits up to 49 are this century, others and three digits count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

function zoneOf(offset: string | undefined, name: string | undefined): number {
  if (offset !== undefined) {
    const digits = offset.slice(1).replace(':', '');
    const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
    return offset[0] === '-' ? 0 - minutes : minutes;
  }
  return (ZONE_HOURS[name?.toUpperCase() ?? ''] ?? 0) * 60;
}

function dateOf(
  year: number,
  monthName: string | undefined,
  dayText: string | undefined,
  hourText: string | undefined,
  minuteText: string | undefined,
  secondText: string | undefined,
  zoneMinutes: number,
): ZonedDate | undefined {
  const month = MONTHS.findIndex((name) => name.toLowerCase() === monthName?.toLowerCase());
  const [day, hour, minute, second] = [dayText, hourText, minuteText, secondText].map((n) => Number(n ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month, day);
  // A day that its month does not have would silently become one of the next month. Leap seconds count as 60.
  if (month < 0 || midnight.getUTCDate() !== day || hour > 23 || minute > 59 || second > 60) return undefined;
  if (Math.abs(zoneMinutes) > 24 * 60) return undefined;
  const ms = midnight.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 - zoneMinutes * 60_000;
  return { ms, zoneMinutes };
}
