import { computed, signal } from '@preact/signals';
import { preferences } from '../state/preferences.ts';
import { type Catalogue, english, type MessageKey, type PluralKey } from './catalogue.ts';

export const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français' } as const;
export type Language = keyof typeof LANGUAGES;

const LOADERS: Readonly<Record<Exclude<Language, 'en'>, () => Promise<Catalogue>>> = {
  de: async () => (await import('./de.ts')).german,
  fr: async () => (await import('./fr.ts')).french,
};

const catalogue = signal<{ readonly language: Language; readonly messages: Catalogue }>({
  language: 'en',
  messages: english,
});
export const language = computed(() => catalogue.value.language);

/** The user's choice, else the first of the browser's languages that there is. */
export function preferredLanguage(): Language {
  const wanted = [preferences.value.language, ...navigator.languages].map((each) => each.slice(0, 2).toLowerCase());
  return (wanted.find((each) => each in LANGUAGES) as Language | undefined) ?? 'en';
}

export async function useLanguage(wanted: Language): Promise<void> {
  const messages = wanted === 'en' ? english : await LOADERS[wanted]();
  catalogue.value = { language: wanted, messages };
  document.documentElement.lang = wanted;
}

type Values = Readonly<Record<string, string | number>>;

/** A message in the user's language, `{name}` replaced by values. */
export function t(key: MessageKey, values: Values = {}): string {
  return fill(catalogue.value.messages[key], values);
}

/** A message whose form depends on a count, which is `{count}` in it. */
export function tn(key: PluralKey, count: number, values: Values = {}): string {
  const { language: current, messages } = catalogue.value;
  const form = new Intl.PluralRules(current).select(count) === 'one' ? 'one' : 'other';
  return fill(messages[`${key}.${form}` as MessageKey], { count: formatNumber(count), ...values });
}

const fill = (text: string, values: Values): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

export const formatNumber = (value: number): string => new Intl.NumberFormat(language.value).format(value);

const DAY_MS = 86_400_000;

/** Short, for a list: the time today, the weekday this week, the date else. */
export function formatListDate(iso: string, nowMs = Date.now()): string {
  const date = new Date(iso);
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  const format = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat(language.value, options).format(date);
  if (date.getTime() >= midnight && date.getTime() < midnight + DAY_MS)
    return format({ hour: 'numeric', minute: '2-digit' });
  if (date.getTime() >= midnight - 6 * DAY_MS && date.getTime() < midnight) return format({ weekday: 'short' });
  if (date.getFullYear() === new Date(nowMs).getFullYear()) return format({ day: 'numeric', month: 'short' });
  return format({ day: 'numeric', month: 'short', year: 'numeric' });
}

export const formatDate = (iso: string): string =>
  new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));

export function formatSize(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const power = bytes < 1_000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit: units[power] ?? 'byte',
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(bytes / 1_000 ** power);
}
