import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import type { TreeEntry } from './tree.ts';

/** A filter as ldapjs parses it. */
export interface ParsedFilter {
  readonly type: string;
  readonly attribute?: string;
  readonly value?: string;
  readonly initial?: string;
  readonly any?: readonly string[];
  readonly final?: string;
  readonly filter?: ParsedFilter;
  readonly filters?: readonly ParsedFilter[];
  readonly clauses?: readonly ParsedFilter[];
}

/**
 * Whether an entry matches (RFC 4511 §4.5.1.7), ignoring case for every attribute. What cannot be judged (extensible
 * matching, attributes that may not be read) does not match.
 */
export function matches(filter: ParsedFilter, entry: TreeEntry, mayRead: (attribute: string) => boolean): boolean {
  const some = (test: (value: string) => boolean): boolean => {
    const name = filter.attribute?.toLowerCase() ?? '';
    return (entry.attributes.get(name) ?? []).some((value) => test(value.toLowerCase())) && mayRead(name);
  };
  const wanted = filter.value?.toLowerCase() ?? '';
  switch (filter.type) {
    case 'AndFilter':
      return (filter.filters ?? []).every((inner) => matches(inner, entry, mayRead));
    case 'OrFilter':
      return (filter.filters ?? []).some((inner) => matches(inner, entry, mayRead));
    case 'NotFilter':
      return filter.filter !== undefined && !matches(filter.filter, entry, mayRead);
    case 'PresenceFilter':
      return some(() => true);
    case 'EqualityFilter':
    case 'ApproximateFilter':
      if (filter.attribute?.toLowerCase() === 'entrydn') return sameDn(entry.dn, filter.value ?? '');
      return some((value) => value === wanted);
    case 'GreaterThanEqualsFilter':
      return some((value) => compare(value, wanted) >= 0);
    case 'LessThanEqualsFilter':
      return some((value) => compare(value, wanted) <= 0);
    case 'SubstringFilter':
      return some((value) => hasParts(value, filter));
    default:
      return false;
  }
}

function hasParts(value: string, filter: ParsedFilter): boolean {
  const initial = filter.initial?.toLowerCase() ?? '';
  const final = filter.final?.toLowerCase() ?? '';
  if (!value.startsWith(initial)) return false;
  let at = initial.length;
  for (const part of filter.any ?? []) {
    const found = value.indexOf(part.toLowerCase(), at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.length - final.length >= at && value.endsWith(final);
}

function compare(a: string, b: string): number {
  const numbers = /^-?\d+$/.test(a) && /^-?\d+$/.test(b);
  if (numbers) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function sameDn(a: string, b: string): boolean {
  try {
    return comparableDn(a) === comparableDn(b);
  } catch {
    // Text that is no DN equals no entry's DN.
    return false;
  }
}
