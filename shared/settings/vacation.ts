import { readJsonObject, type SettingEntry } from './entry.ts';

/** Out-of-office settings: a user who writes no Sieve gets the `vacation` action (RFC 5230) from them. */
export interface VacationSetting {
  readonly enabled: boolean;
  /** First moment, ISO 8601; undefined: from now on. */
  readonly from?: string | undefined;
  /** Last moment; undefined: until it is switched off. */
  readonly to?: string | undefined;
  /** Undefined: made of the subject that is answered. */
  readonly subject?: string | undefined;
  readonly text: string;
  /** Further addresses of the user's: mail to them is answered too. */
  readonly addresses: readonly string[];
  /** Days until the same sender is answered again. */
  readonly days: number;
}

const MAX_TEXT = 16_384;
const MAX_SUBJECT = 500;
const MAX_ADDRESSES = 50;
const DEFAULT_DAYS = 7;
const MAX_DAYS = 365;
const ADDRESS = /^[^\s@<>"\\,;:()[\]]{1,64}@[^\s@<>"\\,;:()[\]]{1,253}$/;
const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** The settings in a value, or why it holds none. */
export function readVacation(value: Buffer): VacationSetting | string {
  const { enabled, from, to, subject, text, addresses = [], days = DEFAULT_DAYS } = readJsonObject(value) ?? {};
  if (typeof enabled !== 'boolean') return 'enabled must be true or false';
  for (const moment of [from, to]) {
    if (moment === undefined || moment === null) continue;
    const valid = typeof moment === 'string' && MOMENT.test(moment) && !Number.isNaN(Date.parse(moment));
    if (!valid) return 'from and to must be moments of ISO 8601, with a zone';
  }
  if (typeof text !== 'string' || text.length > MAX_TEXT || (enabled && text.trim() === '')) {
    return `text must be there, of ${MAX_TEXT} characters at most`;
  }
  if (subject !== undefined && subject !== null && !isLine(subject, MAX_SUBJECT)) return 'subject must be one line';
  if (!Array.isArray(addresses) || addresses.length > MAX_ADDRESSES || !addresses.every(isAddress)) {
    return `addresses must be ${MAX_ADDRESSES} mail addresses at most`;
  }
  if (typeof days !== 'number' || !Number.isInteger(days) || days < 1 || days > MAX_DAYS) {
    return `days must be between 1 and ${MAX_DAYS}`;
  }
  return {
    enabled,
    from: (from ?? undefined) as string | undefined,
    to: (to ?? undefined) as string | undefined,
    subject: (subject ?? undefined) as string | undefined,
    text,
    addresses,
    days,
  };
}

const isAddress = (value: unknown): value is string => typeof value === 'string' && ADDRESS.test(value);
const isLine = (value: unknown, length: number): boolean =>
  typeof value === 'string' && value.length <= length && !/[\x00-\x1f\x7f]/.test(value);

export const vacation: SettingEntry = {
  name: '/private/vendor/postern/vacation',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 65_536,
  check(value) {
    const read = readVacation(value);
    return typeof read === 'string' ? read : undefined;
  },
};
