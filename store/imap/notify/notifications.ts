import type { MailboxStatus } from '../../mailstore/mailstore.ts';
import type { EventGroup } from '../codec/notify-arguments.ts';
import { writeFetchRows } from '../fetch-rows.ts';
import { allMailboxes, type ReachedMailbox, reachAllMail, sharedOwner } from '../namespaces.ts';
import type { Session } from '../session.ts';
import type { Selected } from '../state.ts';
import { type StatusItem, writeStatus } from '../status-data.ts';
import { MadeByClient } from './made-by-client.ts';
import { MetadataChanges } from './metadata-changes.ts';
import { type KnownNames, tellNames, tellNoAccess } from './name-changes.ts';
import { WantedEvents } from './wanted-events.ts';

/**
 * What a session asked to be told by NOTIFY (RFC 5465), and what it knows already. The change feed only wakes: what
 * happened is learnt by comparing counters and names with those told last, so that nothing is told twice and many
 * changes of a busy mailbox become one response.
 */
export class Notifications {
  readonly #session: Session;
  readonly #wanted: WantedEvents;
  readonly #metadata: MetadataChanges;
  /** What need not be told. */
  readonly madeByClient = new MadeByClient();
  /** By account: one's own, and those of others who have granted something. */
  readonly #watched = new Map<number, () => void>();
  readonly #pending = new Set<number>();
  #known: KnownNames = { mailboxes: new Map(), subscribed: new Set() };
  /** The mailbox of all mail, where it was asked for: any change of a mailbox of the account may be one of it. */
  #allMail: ReachedMailbox | undefined;
  /** What is selected, and the last UID in it that is not new to the client. */
  #newest: { readonly selected: Selected; uid: number } | undefined;
  readonly #told = new Map<number, MailboxStatus>();

  constructor(session: Session, groups: readonly EventGroup[]) {
    this.#session = session;
    const wanted = new WantedEvents(session, groups);
    this.#wanted = wanted;
    this.#metadata = new MetadataChanges(session, {
      of: (mailbox) => wanted.of(mailbox).has('MailboxMetadataChange'),
      ofMailboxes: wanted.has('MailboxMetadataChange'),
      ofAccount: wanted.has('ServerMetadataChange'),
    });
    this.#watch(session.signedIn.account.id);
  }

  #watch(accountId: number): void {
    if (this.#watched.has(accountId)) return;
    const stop = this.#session.mailstore.changes.watchAccount(accountId, (mailboxId) => {
      this.#pending.add(mailboxId);
      this.#session.poke();
    });
    this.#watched.set(accountId, stop);
  }

  /** Whether something may have happened since it was told last. */
  get pending(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether changes of flags in the selected mailbox are told. */
  get tellsFlags(): boolean {
    return this.#wanted.selected?.events.has('FlagChange') === true;
  }

  /** Learns the state of now, from which changes count. With `status` it is told (RFC 5465 §3.1). */
  async begin(status: boolean): Promise<void> {
    await this.#learnNames();
    await this.#metadata.begin(this.#known.mailboxes.values());
    tellNoAccess(this.#session, this.#wanted, this.#known);
    const watched = [...this.#known.mailboxes.values()].filter((info) => this.#messageEvents(info) !== undefined);
    const counters = await this.#countersOf(watched);
    for (const [index, info] of watched.entries()) {
      const now = counters[index];
      if (now === undefined) continue;
      this.#told.set(info.id, now);
      if (status && info.id !== this.#selectedId()) await this.#writeStatus(info, now, this.#messageEvents(info));
      await this.#session.flow();
    }
  }

  /** Tells what happened. Expunges of the selected mailbox only where the client wants them at any time. */
  async tell(): Promise<void> {
    const pending = [...this.#pending];
    this.#pending.clear();
    if (pending.includes(0)) await this.#tellAccount();
    if (this.#allMail !== undefined && pending.some((id) => this.#isOwn(id))) pending.push(this.#allMail.id);
    const selectedId = this.#selectedId();
    if (selectedId !== undefined && pending.includes(selectedId)) await this.#tellSelected();
    const others = await this.#readable(
      pending
        .filter((id) => id !== selectedId)
        .map((id) => this.#known.mailboxes.get(id))
        .filter((info) => info !== undefined)
        .filter((info) => this.#messageEvents(info) !== undefined),
    );
    const counters = await this.#countersOf(others);
    for (const [index, info] of others.entries()) {
      const now = counters[index];
      if (now !== undefined) await this.#tellCounters(info, now);
    }
  }

  close(): void {
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
  }

  #isOwn(id: number): boolean {
    return id !== 0 && this.#known.mailboxes.get(id)?.ownerAddress === undefined;
  }

  /** What was granted in another one's mailbox may have been taken back since (RFC 4314). */
  async #readable(mailboxes: readonly ReachedMailbox[]): Promise<ReachedMailbox[]> {
    const { mailstore, signedIn } = this.#session;
    const readable = await Promise.all(
      mailboxes.map(async (mailbox) => {
        if (mailbox.ownerAddress === undefined) return true;
        return (await mailstore.access.rightsOf(signedIn.account.id, mailbox)).has('r');
      }),
    );
    return mailboxes.filter((_, index) => readable[index]);
  }

  #countersOf(mailboxes: readonly ReachedMailbox[]): Promise<(MailboxStatus | undefined)[]> {
    const { mailstore, signedIn } = this.#session;
    return mailstore.mailboxes.status(
      mailboxes.map(({ id }) => id),
      signedIn.account.id,
    );
  }

  #selectedId(): number | undefined {
    return this.#session.state === 'selected' ? this.#session.selected.view.mailboxId : undefined;
  }

  /** Messages that the client put into a mailbox itself: where it is selected, they are not fetched for it (RFC 5465 §5.2). */
  addedByClient(mailboxId: number, uids: readonly number[]): void {
    if (mailboxId === this.#selectedId()) this.madeByClient.messages(mailboxId, uids);
  }

  /** What the client has been told of by the commands up to now is not new. To be called between commands. */
  noteSelected(): void {
    const selected = this.#session.state === 'selected' ? this.#session.selected : undefined;
    if (this.#newest?.selected === selected) return;
    this.#newest = selected && { selected, uid: lastUid(selected) };
  }

  /** RFC 5465 §6.1: at once; with `selected-delayed`, expunges wait for a command. */
  async #tellSelected(): Promise<void> {
    const group = this.#wanted.selected;
    const newest = this.#newest;
    if (group === undefined || newest === undefined || !group.events.has('MessageNew')) return;
    const { view } = newest.selected;
    await this.#session.tellChanges({ expunges: group.filter.kind === 'selected', refresh: true });
    const uids: number[] = [];
    for (let sequence = view.firstSequenceFrom(newest.uid + 1); sequence <= view.exists; sequence += 1) {
      const uid = view.uidAt(sequence) ?? 0;
      if (!this.madeByClient.madeMessage(view.mailboxId, uid)) uids.push(uid);
    }
    newest.uid = Math.max(newest.uid, lastUid(newest.selected));
    this.madeByClient.forgetMessages(view.mailboxId);
    if (group.attributes.length > 0 && uids.length > 0) {
      await writeFetchRows(this.#session, uids, group.attributes, new Set());
    }
  }

  /** RFC 5465 §5.1 to §5.3: STATUS stands for what happened to messages of a mailbox that is not selected. */
  async #tellCounters(info: ReachedMailbox, now: MailboxStatus): Promise<void> {
    const before = this.#told.get(info.id);
    this.#told.set(info.id, now);
    const events = this.#messageEvents(info);
    if (events === undefined) return;
    const came = now.uidNext - (before?.uidNext ?? 1);
    const went = (before?.messages ?? 0) + came - now.messages;
    const flags = now.highestModSeq !== before?.highestModSeq;
    const tells =
      (came > 0 && events.has('MessageNew')) ||
      (went > 0 && events.has('MessageExpunge')) ||
      (flags && events.has('FlagChange'));
    if (tells) await this.#writeStatus(info, now, events);
  }

  async #writeStatus(info: ReachedMailbox, now: MailboxStatus, events: ReadonlySet<string> = new Set()): Promise<void> {
    const items: StatusItem[] = ['MESSAGES', 'UIDNEXT', 'UIDVALIDITY'];
    if (events.has('FlagChange')) items.push('UNSEEN');
    // RFC 5465 §5.2, §5.3: once CONDSTORE or QRESYNC is enabled; §3.1: with FlagChange wherever it is offered.
    if (this.#session.condstore || (events.has('FlagChange') && this.#session.offers('CONDSTORE'))) {
      items.push('HIGHESTMODSEQ');
    }
    await writeStatus(this.#session, info.name, now, items);
  }

  /** RFC 5465 §5.4 to §5.7: names, subscriptions, METADATA entries. */
  async #tellAccount(): Promise<void> {
    const before = this.#known;
    await this.#learnNames();
    tellNames(this.#session, this.#wanted, this.madeByClient, before, this.#known);
    await this.#metadata.tell(this.#known.mailboxes, this.madeByClient);
    this.madeByClient.forgetNamesAndSettings();
  }

  async #learnNames(): Promise<void> {
    const { mailstore, signedIn } = this.#session;
    // RFC 5465 §5: the right to look up (`l`) for names; that to read for messages.
    const list = await allMailboxes(this.#session, 'l');
    this.#wanted.subscribed = new Set(await mailstore.mailboxes.subscriptions(signedIn.account.id));
    const allMail = await reachAllMail(this.#session);
    this.#allMail = allMail !== undefined && this.#wanted.of(allMail).size > 0 ? allMail : undefined;
    this.#known = {
      mailboxes: new Map([...list, ...(this.#allMail ? [this.#allMail] : [])].map((info) => [info.id, info])),
      subscribed: this.#wanted.subscribed,
    };
    for (const { accountId } of list) this.#watch(accountId);
    // Whose mailboxes are to be shared is known before there is any.
    const keeper = sharedOwner(this.#session);
    const found = keeper === undefined ? undefined : await mailstore.accounts.find(keeper);
    if (found !== undefined) this.#watch(found.id);
  }

  /** Events of messages that are wanted of a mailbox that is not selected; undefined for none. */
  #messageEvents(mailbox: ReachedMailbox): ReadonlySet<string> | undefined {
    if (!mailbox.rights.has('r')) return undefined;
    const events = this.#wanted.of(mailbox);
    return events.has('MessageNew') ? events : undefined;
  }
}

function lastUid({ view }: Selected): number {
  return view.uidAt(view.exists) ?? 0;
}
