import { type Reply, reply } from '@postern/shared/smtp/reply.ts';

/** How a delivery program ended. */
export type ProgramEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly why: 'time' | 'signal' }
  /** It was not run: the helper refuses this user, or cannot. */
  | { readonly kind: 'not-run'; readonly cause: string };

/** What follows for the message. */
export type ProgramVerdict =
  /** The program has it; the store keeps no copy. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'later'; readonly cause: string }
  | { readonly kind: 'refused'; readonly reply: Reply }
  /** Nobody has it: the INBOX keeps it. */
  | { readonly kind: 'kept'; readonly cause: string };

/** sysexits.h, as far as it says something about the message. */
const EX_OK = 0;
const EX_TEMPFAIL = 75;
const REFUSALS: ReadonlyMap<number, Reply> = new Map([
  [65, reply(554, '5.6.0', 'The recipient’s program cannot take this message')], // EX_DATAERR
  [67, reply(550, '5.1.1', 'The recipient’s program knows no such user')], // EX_NOUSER
  [77, reply(550, '5.7.1', 'The recipient’s program refuses this message')], // EX_NOPERM
]);

/** A program's end, judged. What is neither a success nor said in the words of sysexits.h is a fault of the program, and loses nothing. */
export function judgeEnd(end: ProgramEnd): ProgramVerdict {
  if (end.kind === 'killed') return { kind: 'kept', cause: `the program was ended: ${end.why}` };
  if (end.kind === 'not-run') return { kind: 'kept', cause: `the program was not run: ${end.cause}` };
  if (end.status === EX_OK) return { kind: 'taken' };
  if (end.status === EX_TEMPFAIL) return { kind: 'later', cause: 'the program asks for another try (75)' };
  const refusal = REFUSALS.get(end.status);
  return refusal === undefined
    ? { kind: 'kept', cause: `the program ended with ${end.status}` }
    : { kind: 'refused', reply: refusal };
}
