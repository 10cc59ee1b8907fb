import type { AppendAtOnce } from './appends.ts';
import type { ChangeNotices } from './changes.ts';
import type { Database, SqlValue } from './database.ts';
import type { AppendMessage, AppendResult, QuotaLimits } from './mailstore.ts';
import { commonParameters, isForProcedure, messageParameters } from './message-parameters.ts';
import { Procedure, type ProcedureName } from './procedure.ts';

/** That which appends one message, two, and so on. */
const BY_COUNT: readonly ProcedureName[] = [
  'append_message',
  'append_2_messages',
  'append_3_messages',
  'append_4_messages',
];

/** A few messages, appended by one CALL: the transaction of {@link Appends}. */
export class AppendProcedures implements AppendAtOnce {
  readonly #procedures: readonly Procedure[];
  readonly #notices: ChangeNotices;
  readonly #holder: number;
  readonly #ownerOf: (mailboxId: number) => Promise<number | undefined>;

  /** @param ownerOf the account that a mailbox is of */
  constructor(database: Database, notices: ChangeNotices, ownerOf: (mailboxId: number) => Promise<number | undefined>) {
    this.#procedures = BY_COUNT.map((name) => new Procedure(database, name));
    this.#notices = notices;
    this.#holder = database.writes.holder;
    this.#ownerOf = ownerOf;
  }

  get most(): number {
    const missing = this.#procedures.findIndex(({ isThere }) => !isThere);
    return missing < 0 ? BY_COUNT.length : missing;
  }

  takes({ content, flags }: AppendMessage): boolean {
    return isForProcedure(content, flags);
  }

  async append(
    mailboxId: number,
    name: string | undefined,
    messages: readonly AppendMessage[],
    quota: QuotaLimits,
  ): Promise<AppendResult[] | undefined> {
    const accountId = await this.#ownerOf(mailboxId);
    const procedure = this.#procedures[messages.length - 1];
    if (accountId === undefined || procedure?.isThere !== true) return undefined;
    const now = Date.now();
    const values: SqlValue[] = [accountId, mailboxId, name ?? null, ...commonParameters(this.#holder, quota, now)];
    for (const { content, flags, internalDate } of messages) {
      const message = messageParameters(content, flags, internalDate, now);
      if (message === undefined) return undefined;
      values.push(...message);
    }
    const row = await procedure.call(accountId, values);
    if (row === undefined || row[0] === 'leased-elsewhere') return undefined;
    const [kind, uidValidity, uid, modSeq] = row as [AppendResult['kind'], number, number, number];
    if (kind === 'appended') {
      this.#notices.announce({ accountId, mailboxId, modSeq });
      return messages.map((_, i) => ({ kind, uidValidity, uids: [uid + i], modSeq }));
    }
    return kind === 'over-quota' && messages.length > 1 ? undefined : messages.map(() => ({ kind }));
  }
}
