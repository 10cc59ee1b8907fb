import { signal } from '@preact/signals';
import type { Catalogue } from './i18n/catalogue.ts';
import { de } from './i18n/de.ts';
import { en } from './i18n/en.ts';
import { fr } from './i18n/fr.ts';

export type Language = 'en' | 'de' | 'fr';

const CATALOGUES: Readonly<Record<Language, Catalogue>> = { en, de, fr };
const KEY = 'postern-language';

export const language = signal<Language>(firstLanguage());

export function setLanguage(next: Language): void {
  language.value = next;
  localStorage.setItem(KEY, next);
  document.documentElement.lang = next;
}

/** A text in the reader's language; `{name}` stands for a value. */
export function t(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  const found = CATALOGUES[language.value][text] ?? text;
  return found.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

function firstLanguage(): Language {
  const wanted = localStorage.getItem(KEY) ?? navigator.language.slice(0, 2);
  const chosen: Language = wanted === 'de' || wanted === 'fr' ? wanted : 'en';
  document.documentElement.lang = chosen;
  return chosen;
}

export function octets(count: number): string {
  if (count === 0) return '0 B';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${new Intl.NumberFormat(language.value, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)} ${units[power]}`;
}

export function time(ms: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: 'medium', timeStyle: 'short' }).format(ms);
}

/** What a change made different, in one line. */
export function tellDifferences(
  differences: readonly { readonly what: string; readonly from: string; readonly to: string }[],
): string {
  const value = (text: string): string => (text === 'true' || text === 'false' ? t(text) : text || '–');
  return differences.map(({ what, from, to }) => `${t(what)}: ${value(from)} → ${value(to)}`).join('; ');
}
