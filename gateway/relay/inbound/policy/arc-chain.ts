import { hasName } from '@postern/shared/message/header.ts';
import { type AuthenticateResult, authenticate } from 'mailauth';
import { inTurns, isFitForLibrary } from '../../dkim/library-input.ts';
import type { SignedMessage } from '../../dkim/verify.ts';
import type { BoundedQuestions } from './bounded-questions.ts';

export type ArcFinding = AuthenticateResult['arc'];

const UNREADABLE: ArcFinding = {
  i: false,
  status: { result: 'fail', comment: 'header out of bounds' },
  info: 'arc=fail (header out of bounds)',
};

/**
 * Verifies the chain of ARC sets (RFC 8617 §5.2) by mailauth. Few messages carry one, so the library may read those once more from the start.
 * Rejects when the signal tells that nobody waits for it any more.
 */
export async function arcChainOf(
  { content, fields, bodyStart }: SignedMessage,
  client: string,
  hostname: string,
  questions: BoundedQuestions,
  signal: AbortSignal,
): Promise<ArcFinding> {
  if (!fields.some((field) => hasName(content, field, 'arc-seal'))) return false;
  if (!isFitForLibrary(content, bodyStart)) return UNREADABLE;
  const message = withoutSignatures(content, fields);
  const { arc } = await authenticate(inTurns(message, signal), {
    ip: client,
    mta: hostname,
    resolver: questions.ask,
    disableDmarc: true,
    disableBimi: true,
  });
  return arc;
}

/** What the chain comes to; one that cannot be judged now counts as failed. */
export function arcResult(arc: ArcFinding): 'none' | 'pass' | 'fail' {
  const result = arc === false ? 'none' : arc.status.result;
  return result === 'none' || result === 'pass' ? result : 'fail';
}

/** Domain of the newest ARC set when the chain is intact and says that DMARC passed there. */
export function arcSealer(arc: ArcFinding): string | undefined {
  if (arc === false || arc.status.result !== 'pass' || arc.signature === undefined || arc.signature === false) return;
  const reported = arc.authenticationResults?.dmarc as { readonly result?: string } | undefined;
  return reported?.result === 'pass' ? arc.signature.signingDomain?.toLowerCase() : undefined;
}

/** The message without DKIM signatures, which our own verifier has judged. */
function withoutSignatures(content: Buffer, fields: SignedMessage['fields']): Buffer {
  const kept: Buffer[] = [];
  let from = 0;
  for (const field of fields) {
    if (!hasName(content, field, 'dkim-signature')) continue;
    kept.push(content.subarray(from, field.start));
    from = field.end;
  }
  return Buffer.concat([...kept, content.subarray(from)]);
}
