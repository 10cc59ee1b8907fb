import { t } from '../i18n/i18n.ts';
import type { Address } from '../jmap/types.ts';

export const nameOfAddress = ({ name, email }: Address): string => name?.trim() || email;

/** First names where there are several, as a list has little room. */
export function shortNames(people: readonly (readonly Address[] | null)[]): string {
  const names = [...new Set(people.flatMap((each) => each ?? []).map(nameOfAddress))];
  if (names.length === 0) return t('list.noSender');
  if (names.length === 1) return names[0] ?? '';
  return names.map((name) => (name.includes('@') ? name.split('@')[0] : name.split(/\s+/)[0])).join(', ');
}

export const subjectOf = (subject: string | null | undefined): string => subject?.trim() || t('list.noSubject');
