import { findEntry } from '@postern/shared/settings/entries.ts';
import { specialUse } from '@postern/shared/settings/special-use.ts';
import { handlerOf } from '../../settings/handlers.ts';
import { kept } from '../../settings/kept.ts';
import { writeName } from '../mailbox-argument.ts';
import { accountPlace, entriesOf } from '../metadata-place.ts';
import type { ReachedMailbox } from '../namespaces.ts';
import type { Session } from '../session.ts';
import { type MadeByClient, markOf } from './made-by-client.ts';

/** Marks of values by the names of their entries, by mailbox; 0 is the account. */
type Marks = ReadonlyMap<number, ReadonlyMap<string, string>>;
const NO_MARKS: ReadonlyMap<string, string> = new Map();

/** What is asked for of METADATA entries. */
export interface WantedMetadata {
  /** Whether changes of the entries of a mailbox are told. */
  readonly of: (mailbox: ReachedMailbox) => boolean;
  readonly ofMailboxes: boolean;
  readonly ofAccount: boolean;
}

/**
 * RFC 5465 §5.6, §5.7: which METADATA entries others have set or removed, learnt by comparing marks of their values with those
 * told last. What cannot be set is no entry of this: it changes by itself.
 */
export class MetadataChanges {
  readonly #session: Session;
  readonly #wanted: WantedMetadata;
  #told: Marks = new Map();

  constructor(session: Session, wanted: WantedMetadata) {
    this.#session = session;
    this.#wanted = wanted;
  }

  /** Learns the state from which changes count. */
  async begin(mailboxes: Iterable<ReachedMailbox>): Promise<void> {
    this.#told = await this.#read(mailboxes);
  }

  /** Tells what changed since, but for what the client did itself. */
  async tell(mailboxes: ReadonlyMap<number, ReachedMailbox>, made: MadeByClient): Promise<void> {
    const before = this.#told;
    this.#told = await this.#read(mailboxes.values());
    if (this.#wanted.ofAccount) this.#write('', changed(0, before, this.#told, made));
    for (const mailbox of mailboxes.values()) {
      if (!isReadable(mailbox) || !this.#wanted.of(mailbox)) continue;
      this.#write(mailbox.name, changed(mailbox.id, before, this.#told, made));
      await this.#session.flow();
    }
  }

  /** RFC 5464 §4.4.2: names without values. */
  #write(mailboxName: string, entries: readonly string[]): void {
    if (entries.length === 0) return;
    const { out } = this.#session;
    out.text('* METADATA ');
    if (mailboxName === '') out.text('""');
    else writeName(this.#session, out, mailboxName);
    out.line(` ${entries.join(' ')}`);
  }

  async #read(mailboxes: Iterable<ReachedMailbox>): Promise<Marks> {
    const marks = new Map<number, Map<string, string>>();
    const { ofMailboxes, ofAccount } = this.#wanted;
    if (!ofMailboxes && !ofAccount) return marks;
    const put = (id: number, name: string, mark: string): void => {
      const known = marks.get(id) ?? new Map<string, string>();
      marks.set(id, known.set(name, mark));
    };
    const readable = ofMailboxes ? [...mailboxes].filter(isReadable) : [];
    await this.#readKept(readable, put);
    for (const { id, specialUse: use } of readable) {
      if (use !== undefined) put(id, specialUse.name, markOf(Buffer.from(use)));
    }
    if (ofAccount) await this.#readActing(put);
    return marks;
  }

  /** Entries that are kept as they are: one question for the account and all mailboxes. */
  async #readKept(
    mailboxes: readonly ReachedMailbox[],
    put: (id: number, name: string, mark: string) => void,
  ): Promise<void> {
    const { mailstore, signedIn } = this.#session;
    const known = { server: entriesOf(this.#session, 'server'), mailbox: entriesOf(this.#session, 'mailbox') };
    const others = mailboxes.filter(({ ownerAddress }) => ownerAddress !== undefined);
    for (const { mailboxId, entry: name, sha256 } of await mailstore.settings.marks(signedIn.account.id, others)) {
      const of = mailboxId === 0 ? 'server' : 'mailbox';
      const entry = findEntry(name, of);
      if (entry?.writable !== true || !known[of].includes(entry) || handlerOf(entry) !== kept) continue;
      put(mailboxId, name, sha256);
    }
  }

  /** Entries of the account that do something. */
  async #readActing(put: (id: number, name: string, mark: string) => void): Promise<void> {
    const place = accountPlace(this.#session);
    for (const entry of entriesOf(this.#session, 'server')) {
      const handler = handlerOf(entry);
      if (!entry.writable || handler === kept) continue;
      for (const { name, value } of await handler.read(place, entry)) put(0, name, markOf(value));
    }
  }
}

/** RFC 5465 §5 asks for `l`, which all have that are known here, and `r`; all mail has entries of no use to anybody. */
const isReadable = ({ rights, specialUse: use }: ReachedMailbox): boolean => rights.has('r') && use !== '\\All';

/** Names of the entries whose marks differ, those that are gone included. */
function changed(id: number, before: Marks, after: Marks, made: MadeByClient): string[] {
  const old = before.get(id) ?? NO_MARKS;
  const now = after.get(id) ?? NO_MARKS;
  const names = new Set([...now.keys(), ...old.keys()]);
  return [...names]
    .filter((name) => old.get(name) !== now.get(name) && !made.madeSetting(id, name, now.get(name)))
    .sort();
}
