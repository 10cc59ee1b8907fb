import { signal } from '@preact/signals';

/** What is to be written. */
export type ComposeStart =
  | {
      readonly kind: 'new';
      readonly to?: string;
      readonly cc?: string;
      readonly subject?: string;
      readonly body?: string;
    }
  | { readonly kind: 'reply' | 'reply-all' | 'forward' | 'forward-attached' | 'draft'; readonly emailId: string };

export interface Composing {
  readonly id: number;
  readonly start: ComposeStart;
}

/** The messages that are being written; the composer (`compose/composer.tsx`, loaded when the first appears) shows each. */
export const composing = signal<readonly Composing[]>([]);
let lastId = 0;

export function openCompose(start: ComposeStart): void {
  const same = composing.value.find(
    ({ start: own }) => own.kind === 'draft' && start.kind === 'draft' && own.emailId === start.emailId,
  );
  if (same !== undefined) return;
  lastId += 1;
  composing.value = [...composing.value, { id: lastId, start }];
}

export function closeCompose(id: number): void {
  composing.value = composing.value.filter((each) => each.id !== id);
}

/** RFC 6068: `mailto:a@b?subject=…`. */
export function readMailto(url: string): ComposeStart {
  const [addresses = '', query = ''] = url.replace(/^mailto:/i, '').split('?');
  const fields = new URLSearchParams(query.replaceAll('+', '%2B'));
  const also = fields.getAll('to');
  const to = [decode(addresses), ...also].filter((each) => each !== '').join(', ');
  return {
    kind: 'new',
    to,
    ...optional('cc', fields.get('cc')),
    ...optional('subject', fields.get('subject')),
    ...optional('body', fields.get('body')),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const optional = <K extends string>(name: K, value: string | null): { [P in K]?: string } =>
  value === null ? {} : ({ [name]: value } as { [P in K]: string });
