import { accountOfAllMail } from './all-mail-id.ts';
import type { AllMailView } from './all-mail-view.ts';
import { type Copies, copiesByMailbox } from './email-copies.ts';
import { ALL_SYSTEM_FLAGS, DELETED } from './flags.ts';
import type { MailboxViews } from './mailbox-views.ts';
import type {
  CopyResult,
  ExpungedSince,
  FetchedMessage,
  FetchWants,
  FlagActor,
  FlagChange,
  KeyWants,
  MessageKeys,
  Messages,
  QuotaLimits,
  StoreFlagsResult,
  TextCriterion,
  ThreadKeys,
} from './mailstore.ts';
import { threadKeysOf } from './message-keys.ts';
import type { SqlMessages } from './messages.ts';

/** Emails read together; with their bodies fewer. */
const PAGE = 500;
const BODY_PAGE = 32;

const byNumber = (a: number, b: number): number => a - b;
const NO_SUCH_MAILBOX = { kind: 'no-such-mailbox' } as const;

/**
 * Messages of mailboxes, and of the mailbox of all mail: what is asked of its messages is asked of a copy of each, where that
 * lies; flags are stored in all copies. Nothing can be put there or taken from there.
 */
export class MessagesWithAllMail implements Messages {
  readonly #messages: SqlMessages;
  readonly #views: MailboxViews;

  // What knows nothing of mailboxes, or is refused for the mailbox of all mail before it comes here.
  readonly readBody: Messages['readBody'] = (...asked) => this.#messages.readBody(...asked);
  readonly structure: Messages['structure'] = (...asked) => this.#messages.structure(...asked);
  readonly append: Messages['append'] = (...asked) => this.#messages.append(...asked);
  readonly replace: Messages['replace'] = (...asked) => this.#messages.replace(...asked);
  readonly move: Messages['move'] = (...asked) => this.#messages.move(...asked);
  readonly expunge: Messages['expunge'] = (...asked) => this.#messages.expunge(...asked);
  readonly remove: Messages['remove'] = (...asked) => this.#messages.remove(...asked);

  constructor(messages: SqlMessages, views: MailboxViews) {
    this.#messages = messages;
    this.#views = views;
  }

  fetch(mailboxId: number, uids: ArrayLike<number>, want: FetchWants): AsyncIterable<FetchedMessage[]> {
    const accountId = accountOfAllMail(mailboxId);
    return accountId === undefined
      ? this.#messages.fetch(mailboxId, uids, want)
      : this.#fetchAll(accountId, uids, want);
  }

  async *#fetchAll(
    accountId: number,
    uids: ArrayLike<number>,
    want: FetchWants,
  ): AsyncGenerator<FetchedMessage[], void, undefined> {
    const pageSize = want.pageSize ?? (want.body === undefined || want.body === false ? PAGE : BODY_PAGE);
    for (let from = 0; from < uids.length; from += pageSize) {
      const page = Array.from({ length: Math.min(pageSize, uids.length - from) }, (_, i) => uids[from + i] as number);
      const found = await this.#ofCopies(accountId, page, async ({ mailboxId, uids: there }) => {
        const messages: FetchedMessage[] = [];
        for await (const some of this.#messages.fetch(mailboxId, there, want)) messages.push(...some);
        return messages;
      });
      yield found;
    }
  }

  /** Asks for copies, mailbox by mailbox; answers bear the email's number as UID, in ascending order. */
  async #ofCopies<T extends { readonly uid: number }>(
    accountId: number,
    emailNos: ArrayLike<number>,
    ask: (copies: Copies) => Promise<readonly T[]>,
  ): Promise<T[]> {
    const found = new Map<number, T>();
    let missing = Array.from(emailNos);
    // What was moved meanwhile is not where it was: it is looked for once more.
    for (let attempt = 0; attempt < 2 && missing.length > 0; attempt++) {
      const view = await this.#views.allMail(accountId);
      if (view === undefined) break;
      for (const group of groupsOf(view, missing)) {
        const emailOf = new Map(group.uids.map((uid, i) => [uid, group.emailNos[i] as number]));
        for (const answer of await ask(group)) {
          const emailNo = emailOf.get(answer.uid);
          if (emailNo !== undefined) found.set(emailNo, { ...answer, uid: emailNo });
        }
      }
      missing = missing.filter((emailNo) => !found.has(emailNo));
    }
    return [...found.values()].sort((a, b) => a.uid - b.uid);
  }

  async storeFlags(
    mailboxId: number,
    uids: ArrayLike<number>,
    change: FlagChange,
    by?: FlagActor,
  ): Promise<StoreFlagsResult> {
    const accountId = accountOfAllMail(mailboxId);
    if (accountId === undefined) return this.#messages.storeFlags(mailboxId, uids, change, by);
    const view = await this.#views.allMail(accountId);
    if (view === undefined) return NO_SUCH_MAILBOX;
    const modified = new Set<number>();
    const emails: number[] = [];
    for (const emailNo of Array.from(uids)) {
      const index = view.current.indexOf(emailNo);
      if (index < 0) continue;
      const modSeq = view.current.modSeqs[index] as number;
      if (change.unchangedSince !== undefined && modSeq > change.unchangedSince) modified.add(emailNo);
      else emails.push(emailNo);
    }
    const modSeqs: number[] = [];
    const changed = new Set<number>();
    // \Deleted is for the mailbox that a copy lies in: no copy is lost by what is done here.
    const actor = { accountId, system: ALL_SYSTEM_FLAGS & ~DELETED, keywords: true };
    for (const { mailboxId: there, uids: copies, emailNos } of view.copiesOfAll(emails)) {
      const result = await this.#messages.storeFlags(there, copies, change, actor);
      if (result.kind === 'no-such-mailbox') continue;
      if (result.kind !== 'stored') return result;
      const emailOf = new Map(copies.map((uid, i) => [uid, emailNos[i] as number]));
      modSeqs.push(...result.modSeqs);
      for (const uid of result.changed) changed.add(emailOf.get(uid) ?? 0);
      for (const uid of result.modified) modified.add(emailOf.get(uid) ?? 0);
    }
    return {
      kind: 'stored',
      modSeqs,
      changed: [...changed].sort(byNumber),
      modified: [...modified].sort(byNumber),
    };
  }

  async copy(
    mailboxId: number,
    uids: ArrayLike<number>,
    toMailboxId: number,
    quota: QuotaLimits,
    by?: FlagActor,
  ): Promise<CopyResult> {
    const accountId = accountOfAllMail(mailboxId);
    if (accountId === undefined) return this.#messages.copy(mailboxId, uids, toMailboxId, quota, by);
    const view = await this.#views.allMail(accountId);
    if (view === undefined) return NO_SUCH_MAILBOX;
    const pairs: [emailNo: number, uid: number][] = [];
    const takeBack = (): Promise<void> =>
      this.#messages.takeBack(toMailboxId, pairs.map(([, uid]) => uid).sort(byNumber));
    let uidValidity = 0;
    for (const { mailboxId: from, uids: copies, emailNos } of groupsOf(view, Array.from(uids))) {
      let result: CopyResult;
      try {
        result = await this.#messages.copy(from, copies, toMailboxId, quota, by);
      } catch (fault) {
        await takeBack();
        throw fault;
      }
      if (result.kind !== 'copied') {
        await takeBack();
        return result;
      }
      uidValidity = result.uidValidity;
      const emailOf = new Map(copies.map((uid, i) => [uid, emailNos[i] as number]));
      for (const [i, uid] of result.sourceUids.entries()) {
        pairs.push([emailOf.get(uid) ?? 0, result.destinationUids[i] as number]);
      }
    }
    pairs.sort(([a], [b]) => a - b);
    return {
      kind: 'copied',
      uidValidity,
      sourceUids: pairs.map(([emailNo]) => emailNo),
      destinationUids: pairs.map(([, uid]) => uid),
      sourceModSeq: undefined,
    };
  }

  async expungedSince(mailboxId: number, modSeq: number): Promise<ExpungedSince> {
    const accountId = accountOfAllMail(mailboxId);
    if (accountId === undefined) return this.#messages.expungedSince(mailboxId, modSeq);
    const view = await this.#views.allMail(accountId);
    return view === undefined ? { kind: 'forgotten' } : view.expungedSince(modSeq);
  }

  async search(mailboxId: number, uids: ArrayLike<number>, texts: readonly TextCriterion[]): Promise<number[]> {
    const accountId = accountOfAllMail(mailboxId);
    if (accountId === undefined) return this.#messages.search(mailboxId, uids, texts);
    const found = await this.#ofCopies(accountId, uids, async ({ mailboxId: there, uids: copies }) => {
      const matching = new Set(await this.#messages.search(there, copies, texts));
      return copies.map((uid) => ({ uid, matches: matching.has(uid) }));
    });
    return found.filter(({ matches }) => matches).map(({ uid }) => uid);
  }

  keys(mailboxId: number, uids: ArrayLike<number>, want: KeyWants): Promise<MessageKeys[]> {
    const accountId = accountOfAllMail(mailboxId);
    if (accountId === undefined) return this.#messages.keys(mailboxId, uids, want);
    return this.#ofCopies(accountId, uids, ({ mailboxId: there, uids: copies }) =>
      this.#messages.keys(there, copies, want),
    );
  }

  async threadKeys(mailboxId: number, uids: ArrayLike<number>): Promise<ThreadKeys> {
    if (accountOfAllMail(mailboxId) === undefined) return this.#messages.threadKeys(mailboxId, uids);
    return threadKeysOf(await this.keys(mailboxId, uids, { arrival: true, texts: true, ids: true }));
  }
}

/** The copies that stand for these emails, by mailbox. */
function groupsOf(view: AllMailView, emailNos: readonly number[]): Copies[] {
  return copiesByMailbox(
    emailNos.flatMap((emailNo) => {
      const copy = view.copyOf(emailNo);
      return copy === undefined ? [] : [{ ...copy, emailNo }];
    }),
  );
}
