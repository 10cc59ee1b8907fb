import { packParts } from '@postern/shared/message/mime-structure.ts';
import { newContentId, PARTS_VERSION } from './body-rows.ts';
import type { SqlValue } from './database.ts';
import { DELETED, type FlagSet, SEEN } from './flags.ts';
import type { ArrivedContent, QuotaLimits, UnwrittenContent } from './mailstore.ts';
import { cacheVersion } from './message-rows.ts';
import { plainBody } from './packed-body.ts';

/** Whether a message is for a procedure, as far as can be told without a look at its body. */
export function isForProcedure(content: ArrivedContent, flags: FlagSet): content is UnwrittenContent {
  return 'body' in content && flags.keywords.length === 0 && content.sizeBytes > 0;
}

/** What a procedure is told before its messages, in the order of COMMON_PARAMETERS (schema/sql/message-procedures.ts). */
export function commonParameters(holder: number, quota: QuotaLimits, now: number): SqlValue[] {
  return [holder, quota.bytes, quota.messages, now];
}

/**
 * A message for a procedure, in the order of messageParameters there. Undefined for one that is not for a procedure: with keywords, with a body
 * that lies in the database already, or in several chunks.
 */
export function messageParameters(
  content: ArrivedContent,
  flags: FlagSet,
  internalDate: Date,
  now: number,
): SqlValue[] | undefined {
  if (!isForProcedure(content, flags)) return undefined;
  const { body, prepared, sha256, sizeBytes } = content;
  const { encoding, chunks } = body.packed ?? plainBody(body.bytes);
  const [chunk] = chunks;
  if (chunk === undefined || chunks.length > 1) return undefined;
  return [
    ...[newContentId(now), sha256, sizeBytes, encoding],
    ...[body.root.bodyStart, PARTS_VERSION, packParts(body.root), chunk],
    ...[flags.system, Number((flags.system & SEEN) === 0), Number((flags.system & DELETED) !== 0)],
    ...[internalDate.getTime(), cacheVersion(prepared), prepared.sentAtMs ?? null],
    ...[prepared.envelope, prepared.bodyStructure, prepared.headerFields, Buffer.concat(prepared.threadHashes)],
  ];
}
