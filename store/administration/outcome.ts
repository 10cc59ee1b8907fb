import type { ChangeResult } from '@postern/shared/directory/person-directory.ts';

/** How an operation ends. `why` is for the person who asked; `field` names the input that it is about. */
export type Outcome<T> = { readonly kind: 'done'; readonly value: T } | Refused;

export interface Refused {
  readonly kind: 'forbidden' | 'not-found' | 'exists' | 'invalid' | 'limit' | 'state';
  readonly why: string;
  readonly field?: string | undefined;
}

export const done = <T>(value: T): Outcome<T> => ({ kind: 'done', value });

export function refuse(kind: Refused['kind'], why: string, field?: string): Refused {
  return { kind, why, ...(field === undefined ? {} : { field }) };
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
      return refuse('invalid', `The directory refuses this: result code ${code} ${message}`.trim());
  }
}
