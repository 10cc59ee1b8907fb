/** A cause that the person at the keyboard can remove: the message is one clear sentence, shown without a stack trace. */
export class Sentence extends Error {}

/** A fault in words: the message of an error, or of the first of several. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
