import { z } from 'zod';

/** Longest first line of a request and of an answer, in octets. */
export const MAX_HEAD_BYTES = 8192;

/** What the store asks of the helper: a line of JSON, then `messageBytes` octets. Which program runs, only the helper's own settings say. */
export const requestSchema = z.strictObject({
  user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/),
  uid: z.int().min(1),
  gid: z.int().min(1),
  home: z.string().regex(/^\/[^\0\r\n]{0,1000}$/),
  sender: z.string().max(1000),
  recipient: z.string().max(1000),
  messageBytes: z.int().min(0),
});

export type ProgramRequest = z.infer<typeof requestSchema>;

/** The helper's answer: a line of JSON. */
export const answerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('exited'), status: z.int() }),
  z.strictObject({ kind: z.literal('killed'), why: z.enum(['time', 'signal']) }),
  z.strictObject({ kind: z.literal('not-run'), cause: z.string() }),
]);

/** Characters of an address that mean nothing to a shell; all others become `_`, since recipes put such values into commands. */
export function harmless(address: string): string {
  return address.replace(/[^A-Za-z0-9.@_+=-]/g, '_');
}
