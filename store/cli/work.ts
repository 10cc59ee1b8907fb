import type { Acting } from '../administration/acting.ts';
import type { OperationParts } from '../administration/operation.ts';
import { done, type Outcome } from '../administration/outcome.ts';
import { type CommandInput, Usage } from './command.ts';

/** Entries asked for at a time. */
export const PAGE = 500;

/** One command's work, as the person who asks for it. */
export type Work = (parts: OperationParts, acting: Acting, input: CommandInput) => Promise<Outcome<unknown>>;

/** A word behind the command's name, which has to be there. */
export const wordOf = ({ words }: CommandInput, index: number, what: string): string => {
  const word = words[index];
  if (word === undefined) throw new Usage(`${what} is missing`);
  return word;
};

/** Pages of a list, all of them. */
export async function all<T>(
  list: (cursor: string | undefined) => Promise<Outcome<{ items: T[]; nextCursor: string | undefined }>>,
): Promise<Outcome<T[]>> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(cursor);
    if (page.kind !== 'done') return page;
    items.push(...page.value.items);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined);
  return done(items);
}
