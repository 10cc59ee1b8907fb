/** What is typed in the search field: words, and narrowings such as `from:jane` that are shown as chips. */
export type Chip =
  | { readonly kind: 'from' | 'to' | 'cc' | 'subject' | 'body' | 'in' | 'label'; readonly value: string }
  | { readonly kind: 'has'; readonly value: 'attachment' }
  | { readonly kind: 'is'; readonly value: 'unread' | 'read' | 'flagged' | 'answered' | 'draft' }
  | { readonly kind: 'before' | 'after'; readonly value: string }
  | { readonly kind: 'larger' | 'smaller'; readonly value: string };

export interface SearchQuery {
  readonly text: string;
  readonly chips: readonly Chip[];
}

const TEXTUAL = ['from', 'to', 'cc', 'subject', 'body', 'in', 'label'];
const STATES = ['unread', 'read', 'flagged', 'answered', 'draft'];
const SIZE = /^(\d+)([kmg]?)$/i;

export function readSearch(query: string): SearchQuery {
  const chips: Chip[] = [];
  const words: string[] = [];
  for (const [word = '', prefix = '', quoted, plain] of query.matchAll(/(?:(\w+):)?(?:"([^"]*)"|(\S+))/g)) {
    const chip = prefix === '' ? undefined : readChip(prefix.toLowerCase(), quoted ?? plain ?? '');
    if (chip === undefined) words.push(word);
    else chips.push(chip);
  }
  return { text: words.join(' '), chips };
}

function readChip(kind: string, value: string): Chip | undefined {
  if (value === '') return undefined;
  const lower = value.toLowerCase();
  if (TEXTUAL.includes(kind)) return { kind, value } as Chip;
  if (kind === 'has' && /^attachments?$/.test(lower)) return { kind, value: 'attachment' };
  if (kind === 'is') {
    const state = lower === 'starred' ? 'flagged' : lower;
    return STATES.includes(state) ? ({ kind, value: state } as Chip) : undefined;
  }
  if (kind === 'before' || kind === 'after') return dayOf(value) === undefined ? undefined : { kind, value };
  if (kind === 'larger' || kind === 'smaller') return SIZE.test(value) ? { kind, value } : undefined;
  return undefined;
}

export function writeChip({ kind, value }: Chip): string {
  return /[\s"]/.test(value) ? `${kind}:"${value.replaceAll('"', '')}"` : `${kind}:${value}`;
}

export const writeSearch = ({ text, chips }: SearchQuery): string =>
  [...chips.map(writeChip), text].filter((part) => part !== '').join(' ');

/** The start of a day in the user's own time; undefined for what is none. */
function dayOf(value: string): Date | undefined {
  const match = /^(\d{4})-(\d{1,2})(?:-(\d{1,2}))?$/.exec(value);
  if (match === null) return undefined;
  const day = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3] ?? 1));
  return Number.isNaN(day.getTime()) ? undefined : day;
}

type Condition = Readonly<Record<string, unknown>>;
export type Filter = Condition | { readonly operator: 'AND' | 'OR' | 'NOT'; readonly conditions: readonly Filter[] };

/** What `in:` names: the id of a mailbox by its id, role or name. */
export type FindMailboxId = (name: string) => string | undefined;

/** The filter of Email/query (RFC 8621 §4.4.1). Everything must match; a mailbox that is not there matches nothing. */
export function filterOf({ text, chips }: SearchQuery, findMailboxId: FindMailboxId): Filter | undefined {
  const conditions: Filter[] = chips.map((chip) => conditionOf(chip, findMailboxId));
  if (text !== '') conditions.push({ text });
  return conditions.length < 2 ? conditions[0] : { operator: 'AND', conditions };
}

function conditionOf({ kind, value }: Chip, findMailboxId: FindMailboxId): Filter {
  switch (kind) {
    case 'in':
      return { inMailbox: findMailboxId(value) ?? 'none' };
    case 'label':
      return { hasKeyword: value };
    case 'has':
      return { hasAttachment: true };
    case 'is':
      if (value === 'unread')
        return { operator: 'AND', conditions: [{ notKeyword: '$seen' }, { notKeyword: '$draft' }] };
      return { hasKeyword: value === 'read' ? '$seen' : `$${value}` };
    case 'before':
    case 'after':
      return { [kind]: dayOf(value)?.toISOString() };
    case 'larger':
      return { minSize: sizeOf(value) };
    case 'smaller':
      return { maxSize: sizeOf(value) };
    default:
      return { [kind]: value };
  }
}

function sizeOf(value: string): number {
  const [, digits = '0', unit = ''] = SIZE.exec(value) ?? [];
  return Number(digits) * 1_000 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
}
