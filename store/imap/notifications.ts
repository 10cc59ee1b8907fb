import type { MailboxStatus } from '../mailstore/mailstore.ts';
import { SEPARATOR } from './codec/mailbox-pattern.ts';
import type { EventGroup, MailboxFilter } from './codec/notify-arguments.ts';
import { writeFetchRows } from './fetch-rows.ts';
import { decodeName, writeName } from './mailbox-argument.ts';
import { allMailboxes, type ReachedMailbox, reachAllMail, sharedOwner } from './namespaces.ts';
import type { Session } from './session.ts';
import { type StatusItem, writeStatus } from './status-data.ts';

/** What a filter looks at. */
type NamedMailbox = Pick<ReachedMailbox, 'name' | 'ownerAddress'> & Partial<Pick<ReachedMailbox, 'specialUse'>>;

/**
 * What a session asked to be told by NOTIFY (RFC 5465), and what it knows already. The change feed only wakes: what
 * happened is learnt by comparing counters and names with those told last, so that nothing is told twice and many
 * changes of a busy mailbox become one response.
 */
export class Notifications {
  readonly #session: Session;
  readonly #groups: readonly EventGroup[];
  /** By account: one's own, and those of others who have granted something. */
  readonly #watched = new Map<number, () => void>();
  readonly #pending = new Set<number>();
  #mailboxes = new Map<number, ReachedMailbox>();
  /** The mailbox of all mail, where it was asked for: any change of a mailbox of the account may be one of it. */
  #allMail: ReachedMailbox | undefined;
  #subscribed: ReadonlySet<string> = new Set();
  readonly #told = new Map<number, MailboxStatus>();

  constructor(session: Session, groups: readonly EventGroup[]) {
    this.#session = session;
    this.#groups = groups;
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

  /** Learns the state of now, from which changes count. With `status` it is told (RFC 5465 §3.1). */
  async begin(status: boolean): Promise<void> {
    await this.#learnNames();
    const watched = [...this.#mailboxes.values()].filter((info) => this.#messageEvents(info) !== undefined);
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
    if (pending.includes(0)) await this.#tellNames();
    if (this.#allMail !== undefined && pending.some((id) => this.#isOwn(id))) pending.push(this.#allMail.id);
    const selectedId = this.#selectedId();
    if (selectedId !== undefined && pending.includes(selectedId)) await this.#tellSelected();
    const others = await this.#readable(
      pending
        .filter((id) => id !== selectedId)
        .map((id) => this.#mailboxes.get(id))
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
    return id !== 0 && this.#mailboxes.get(id)?.ownerAddress === undefined;
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

  /** RFC 5465 §6.1: at once; with `selected-delayed`, expunges wait for a command. */
  async #tellSelected(): Promise<void> {
    const group = this.#groups.find(({ filter }) => filter.kind.startsWith('selected'));
    if (group === undefined || !group.events.has('MessageNew')) return;
    const { view } = this.#session.selected;
    const last = view.uidAt(view.exists) ?? 0;
    await this.#session.tellChanges({ expunges: group.filter.kind === 'selected', refresh: true });
    if (group.attributes.length === 0) return;
    const uids: number[] = [];
    for (let sequence = view.firstSequenceFrom(last + 1); sequence <= view.exists; sequence += 1) {
      uids.push(view.uidAt(sequence) ?? 0);
    }
    if (uids.length > 0) await writeFetchRows(this.#session, uids, group.attributes, new Set());
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
    if (events.has('FlagChange')) {
      items.push('UNSEEN');
      if (this.#session.offers('CONDSTORE')) items.push('HIGHESTMODSEQ');
    }
    await writeStatus(this.#session, info.name, now, items);
  }

  /** RFC 5465 §5.4, §5.5: mailboxes that came, went or were renamed, and subscriptions. */
  async #tellNames(): Promise<void> {
    const before = this.#mailboxes;
    const subscribedBefore = this.#subscribed;
    await this.#learnNames();
    const { out } = this.#session;
    const line = (attributes: string, name: string, oldName?: string): void => {
      out.text(`* LIST (${attributes}) "${SEPARATOR}" `);
      writeName(this.#session, out, name);
      if (oldName !== undefined) {
        out.text(' ("OLDNAME" (');
        writeName(this.#session, out, oldName);
        out.text('))');
      }
      out.text('\r\n');
    };
    const wantsNames = (mailbox: ReachedMailbox): boolean => this.#groupOf(mailbox)?.events.has('MailboxName') === true;
    for (const info of this.#mailboxes.values()) {
      const old = before.get(info.id);
      if (old?.name === info.name || !wantsNames(info)) continue;
      line('', info.name, old?.name);
    }
    for (const [id, gone] of before) {
      if (!this.#mailboxes.has(id) && wantsNames(gone)) line('\\NonExistent', gone.name);
    }
    const byName = new Map([...before.values(), ...this.#mailboxes.values()].map((each) => [each.name, each]));
    for (const name of new Set([...this.#subscribed, ...subscribedBefore])) {
      const group = this.#groupOf(byName.get(name) ?? { name, ownerAddress: undefined });
      if (this.#subscribed.has(name) === subscribedBefore.has(name)) continue;
      if (group?.events.has('SubscriptionChange') !== true) continue;
      line(this.#subscribed.has(name) ? '\\Subscribed' : '', name);
    }
  }

  async #learnNames(): Promise<void> {
    const { mailstore, signedIn } = this.#session;
    // RFC 5465 §5: the right to look up (`l`) for names; that to read for messages.
    const list = await allMailboxes(this.#session, 'l');
    this.#subscribed = new Set(await mailstore.mailboxes.subscriptions(signedIn.account.id));
    const allMail = await reachAllMail(this.#session);
    this.#allMail = allMail !== undefined && this.#groupOf(allMail) !== undefined ? allMail : undefined;
    this.#mailboxes = new Map([...list, ...(this.#allMail ? [this.#allMail] : [])].map((info) => [info.id, info]));
    for (const { accountId } of list) this.#watch(accountId);
    // Whose mailboxes are to be shared is known before there is any.
    const keeper = sharedOwner(this.#session);
    const found = keeper === undefined ? undefined : await mailstore.accounts.find(keeper);
    if (found !== undefined) this.#watch(found.id);
  }

  /** Events of messages that are wanted of a mailbox that is not selected; undefined for none. */
  #messageEvents(mailbox: ReachedMailbox): ReadonlySet<string> | undefined {
    if (!mailbox.rights.has('r')) return undefined;
    const events = this.#groupOf(mailbox)?.events;
    return events?.has('MessageNew') || events?.has('MessageExpunge') ? events : undefined;
  }

  /** The first group that names the mailbox decides (RFC 5465 §6). */
  #groupOf(mailbox: NamedMailbox): EventGroup | undefined {
    return this.#groups.find(({ filter }) => this.#holds(filter, mailbox));
  }

  #holds(filter: MailboxFilter, { name, ownerAddress, specialUse }: NamedMailbox): boolean {
    switch (filter.kind) {
      case 'selected':
      case 'selected-delayed':
        return false;
      case 'personal':
        // All mail would be told twice to clients that know nothing of it: it wants to be named, or subscribed to.
        return ownerAddress === undefined && specialUse !== '\\All';
      case 'inboxes':
        return name === 'INBOX';
      case 'subscribed':
        return this.#subscribed.has(name);
      case 'mailboxes':
        return this.#names(filter.names).includes(name);
      case 'subtree':
        return this.#names(filter.names).some((top) => name === top || name.startsWith(top + SEPARATOR));
    }
  }

  #names(octets: readonly string[]): string[] {
    return octets.map((each) => (decodeName(this.#session, each) ?? '').replace(/^inbox(?=\/|$)/i, 'INBOX'));
  }
}
