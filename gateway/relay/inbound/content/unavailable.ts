import { reply } from '@postern/shared/smtp/reply.ts';
import type { ContentFinding } from '../inspection.ts';

const LATER = reply(451, '4.3.0', 'The message could not be examined now, please try again later');

/** A scanner that is away, late or loading has said nothing (invariant 4): 451, or on with a note for who reads it. */
export function unavailable(scanner: string, cause: string, onUnavailable: 'tempfail' | 'pass'): ContentFinding {
  const reason = `${scanner} said nothing: ${cause}`;
  if (onUnavailable === 'tempfail') return { verdict: { kind: 'tempfail', reply: LATER, reason } };
  return { verdict: { kind: 'accept', reason }, header: `X-Postern-Not-Scanned: ${scanner}\r\n` };
}
