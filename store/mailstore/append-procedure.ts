import { packParts } from '@postern/shared/message/mime-structure.ts';
import { newContentId, PARTS_VERSION } from './body-rows.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database, Row, SqlValue } from './database.ts';
import { DELETED, SEEN } from './flags.ts';
import type { AppendMessage, AppendResult, QuotaLimits } from './mailstore.ts';
import { cacheVersion } from './message-rows.ts';
import { plainBody } from './packed-body.ts';
import { CommitOutcomeUnknown, connect, isConnectionFault, isRetryable, rollBack } from './transaction.ts';

/** What {@link AppendProcedure} puts where. */
export interface AppendPlace {
  readonly accountId: number;
  readonly mailboxId: number;
  /** That the mailbox must have. */
  readonly name: string | undefined;
}

/** The result of a procedure's SELECT, and what the server says of the CALL. */
type Called = readonly [readonly Row[], unknown];

/** No such procedure; no right to run it; not supported. */
const NOT_THERE = new Set([1305, 1370, 1235]);
/** The message of a fault of COMMIT itself (schema/sql/migrations/0014-append-message.ts). */
const AT_COMMIT = 'at COMMIT';
/** Killed or too slow, wherever it was: no handler sees these. */
const INTERRUPTED = new Set([1317, 1927, 1969, 3024]);

/**
 * One message, appended by one CALL of the procedure `append_message`: the transaction of {@link Appends}, in one round trip and without text to be
 * parsed. What it does not do is for the statements: several messages, keywords, bodies in several chunks, databases without procedures, and Galera, where a
 * transaction can be aborted by another node between two statements: nothing has shown yet that a procedure ends there as its handler says.
 */
export class AppendProcedure {
  readonly #database: Database;
  readonly #notices: ChangeNotices;
  #isThere = true;

  constructor(database: Database, notices: ChangeNotices) {
    this.#database = database;
    this.#notices = notices;
  }

  /**
   * Undefined when nothing was done, and the statements shall have a try.
   *
   * @throws CommitOutcomeUnknown when the answer did not come
   */
  async append(place: AppendPlace, message: AppendMessage, quota: QuotaLimits): Promise<AppendResult | undefined> {
    const values = this.#isThere ? parametersOf(place, message, quota) : undefined;
    if (values === undefined) return undefined;
    const connection = await connect(this.#database);
    if (connection.inGaleraCluster) {
      connection.release();
      return undefined;
    }
    try {
      const called = await connection.call('append_message', values);
      connection.release();
      return this.#resultOf(place, called as Called);
    } catch (fault) {
      await rollBack(connection, fault);
      return this.#afterFault(fault as { readonly errno?: number; readonly sqlMessage?: string });
    }
  }

  #resultOf({ accountId, mailboxId }: AppendPlace, [rows]: Called): AppendResult {
    const [kind, uidValidity, uid, modSeq] = rows[0] as [AppendResult['kind'], number, number, number];
    if (kind !== 'appended') return { kind };
    this.#notices.announce({ accountId, mailboxId, modSeq });
    return { kind, uidValidity, uids: [uid], modSeq };
  }

  #afterFault(fault: { readonly errno?: number; readonly sqlMessage?: string }): undefined {
    if (NOT_THERE.has(fault.errno ?? 0)) {
      this.#isThere = false;
      return undefined;
    }
    const unknown = isConnectionFault(fault) || INTERRUPTED.has(fault.errno ?? 0) || fault.sqlMessage === AT_COMMIT;
    // A cluster that refuses a COMMIT like a deadlock has done nothing.
    if (unknown && !isRetryable(fault)) {
      throw new CommitOutcomeUnknown('the database gave no clear answer to an append', { cause: fault });
    }
    return undefined;
  }
}

/** In the order of the procedure's parameters; undefined when it is not for such a message. */
function parametersOf(
  { accountId, mailboxId, name }: AppendPlace,
  { content, flags, internalDate }: AppendMessage,
  quota: QuotaLimits,
): SqlValue[] | undefined {
  if (!('body' in content) || flags.keywords.length > 0) return undefined;
  const { body, prepared, sha256, sizeBytes } = content;
  const { encoding, chunks } = body.packed ?? plainBody(body.bytes);
  const [chunk] = chunks;
  if (chunk === undefined || chunks.length > 1 || sizeBytes === 0) return undefined;
  const now = Date.now();
  return [
    ...[accountId, mailboxId, name ?? null, quota.bytes, quota.messages, now],
    ...[
      newContentId(now),
      sha256,
      sizeBytes,
      encoding,
      body.root.bodyStart,
      PARTS_VERSION,
      packParts(body.root),
      chunk,
    ],
    ...[flags.system, Number((flags.system & SEEN) === 0), Number((flags.system & DELETED) !== 0)],
    ...[internalDate.getTime(), cacheVersion(prepared), prepared.sentAtMs ?? null],
    ...[prepared.envelope, prepared.bodyStructure, prepared.headerFields, Buffer.concat(prepared.threadHashes)],
  ];
}
