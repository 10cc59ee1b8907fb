import type { ChangeNotices } from './changes.ts';
import type { Database } from './database.ts';
import type { AppendMessage, AppendResult, QuotaLimits } from './mailstore.ts';
import { isForProcedure, messageParameters } from './message-parameters.ts';
import { Procedure } from './procedure.ts';

/** What {@link AppendProcedure} puts where. */
export interface AppendPlace {
  readonly accountId: number;
  readonly mailboxId: number;
  /** That the mailbox must have. */
  readonly name: string | undefined;
}

/** One message, appended by one CALL: the transaction of {@link Appends}. */
export class AppendProcedure {
  readonly #procedure: Procedure;
  readonly #notices: ChangeNotices;
  readonly #holder: number;

  constructor(database: Database, notices: ChangeNotices) {
    this.#procedure = new Procedure(database, 'append_message');
    this.#notices = notices;
    this.#holder = database.writes.holder;
  }

  /** Whether it makes sense to try. */
  takes({ content, flags }: AppendMessage): boolean {
    return this.#procedure.isThere && isForProcedure(content, flags);
  }

  /**
   * Undefined when nothing was done, and the statements shall have a try.
   *
   * @throws CommitOutcomeUnknown when the answer did not come
   */
  async append(
    { accountId, mailboxId, name }: AppendPlace,
    { content, flags, internalDate }: AppendMessage,
    quota: QuotaLimits,
  ): Promise<AppendResult | undefined> {
    const message = this.#procedure.isThere ? messageParameters(content, flags, internalDate, quota) : undefined;
    const values = message && [accountId, mailboxId, name ?? null, this.#holder, ...message];
    const row = values && (await this.#procedure.call(accountId, values));
    if (row === undefined || row[0] === 'leased-elsewhere') return undefined;
    const [kind, uidValidity, uid, modSeq] = row as [AppendResult['kind'], number, number, number];
    if (kind !== 'appended') return { kind };
    this.#notices.announce({ accountId, mailboxId, modSeq });
    return { kind, uidValidity, uids: [uid], modSeq };
  }
}
