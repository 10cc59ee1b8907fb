import type { ChangeResult } from '@postern/shared/directory/person-directory.ts';

/** How an operation ends. `why` is for the person who asked; `field` names the input that it is about. */
export type Outcome<T> = { readonly kind: 'done'; readonly value: T } | Refused;

export interface Refused {
  readonly kind: 'forbidden' | 'not-found' | 'exists' | 'invalid' | 'limit' | 'state';
  readonly why: string;
  readonly field?: string | undefined;
  /** `why` before values were put into it, and the values: for who tells it in another language. */
  readonly text?: string | undefined;
  readonly values?: Readonly<Record<string, string | number>> | undefined;
}

export const done = <T>(value: T): Outcome<T> => ({ kind: 'done', value });

/** @param text may name values: `{most} accounts` */
export function refuse(
  kind: Refused['kind'],
  text: string,
  field?: string,
  values?: Readonly<Record<string, string | number>>,
): Refused {
  const of = field === undefined ? {} : { field };
  if (values === undefined) return { kind, why: text, ...of };
  return {
    kind,
    why: text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '')),
    ...of,
    text,
    values,
  };
}

/** What a result code of the directory means to who asked (RFC 4511 Appendix A.2); undefined for success. */
export function refusedBy({ code, message }: ChangeResult): Refused | undefined {
  switch (code) {
    case 0:
      return undefined;
    case 50:
    case 53:
      return refuse('forbidden', 'The directory does not allow this to you');
    case 32:
      return refuse('not-found', 'There is no such entry');
    case 68:
      return refuse('exists', 'There is an entry of this name already');
    case 66:
      return refuse('state', 'There are entries below it');
    default:
      return refuse('invalid', 'The directory refuses this: result code {code} {message}', undefined, {
        code,
        message,
      });
  }
}
