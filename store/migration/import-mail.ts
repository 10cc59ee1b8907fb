import { createHash } from 'node:crypto';
import { type FlagSet, systemFlagNames } from '../mailstore/flags.ts';
import { type ImportMessage, itemKey, type Mailstore } from '../mailstore/mailstore.ts';
import { type ImportMailbox, mailboxFor } from './import-mailboxes.ts';
import { importScripts } from './import-scripts.ts';
import type { MailSource, SourceMailbox, SourceMessage } from './source.ts';

export interface ImportOptions {
  /** Put before every name; with a `/` at its end below a mailbox. */
  readonly prefix: string;
  /** Messages that went away at the source since an earlier run go here too. */
  readonly followDeletes: boolean;
}

export interface ImportReport {
  readonly mailboxes: MailboxReport[];
  readonly subscriptions: number;
  readonly scripts: number;
  readonly imported: number;
  readonly failures: string[];
}

export interface MailboxReport {
  readonly mailbox: string;
  imported: number;
  /** On record from an earlier run. */
  before: number;
  flagsChanged: number;
  removed: number;
  /** Nothing has changed since the last run, so that nobody looked. */
  unchanged: boolean;
}

export type OnImported = (mailbox: string, done: number, of: number) => void;

/** Messages, and octets of them, that are fetched and committed together. */
const BATCH_MESSAGES = 100;
const BATCH_BYTES = 8_388_608;

/** Brings everything that a source has into an account. What fails is told, and the rest goes on. */
export async function importMail(
  mailstore: Mailstore,
  accountId: number,
  source: MailSource,
  options: ImportOptions,
  onImported: OnImported = () => {},
): Promise<ImportReport> {
  const mailboxes = await source.mailboxes();
  const of = mailboxes.reduce((sum, { messages }) => sum + (messages ?? 0), 0);
  const reports: MailboxReport[] = [];
  const failures: string[] = [];
  let done = 0;
  for (const mailbox of mailboxes) {
    const target = await mailboxFor(mailstore, accountId, mailbox, options.prefix);
    if (target.kind === 'refused') {
      failures.push(target.why);
      continue;
    }
    const report = { mailbox: target.name, imported: 0, before: 0, flagsChanged: 0, removed: 0, unchanged: false };
    reports.push(report);
    const work = new MailboxImport(mailstore, accountId, target, source.name, options, report, failures);
    await work.run(mailbox, (count) => {
      done += count;
      onImported(target.name, done, of);
    });
  }
  let subscriptions = 0;
  for (const name of await source.subscriptions()) {
    const result = await mailstore.mailboxes.subscribe(accountId, `${options.prefix}${name}`);
    if (result === 'subscribed') subscriptions += 1;
    else failures.push(`subscription ${name}: no name of a mailbox here`);
  }
  const scripts = await importScripts(mailstore, accountId, await source.scripts());
  failures.push(...scripts.failures);
  const imported = reports.reduce((sum, each) => sum + each.imported, 0);
  return { mailboxes: reports, subscriptions, scripts: scripts.imported, imported, failures };
}

class MailboxImport {
  readonly #mailstore: Mailstore;
  readonly #accountId: number;
  readonly #mailboxId: number;
  readonly #source: string;
  readonly #options: ImportOptions;
  readonly #report: MailboxReport;
  readonly #failures: string[];

  constructor(
    mailstore: Mailstore,
    accountId: number,
    target: ImportMailbox,
    source: string,
    options: ImportOptions,
    report: MailboxReport,
    failures: string[],
  ) {
    this.#mailstore = mailstore;
    this.#accountId = accountId;
    this.#mailboxId = target.id;
    this.#source = source;
    this.#options = options;
    this.#report = report;
    this.#failures = failures;
  }

  /** @param onMessages told how many more are done */
  async run(mailbox: SourceMailbox, onMessages: (count: number) => void): Promise<void> {
    const { imports } = this.#mailstore;
    const stateItem = mailbox.state === undefined ? undefined : `state/${mailbox.name}/${mailbox.state}`;
    if (stateItem !== undefined) {
      const seen = await imports.known(this.#accountId, this.#source, [stateItem]);
      if (seen.has(itemKey(stateItem))) {
        this.#report.unchanged = true;
        onMessages(mailbox.messages ?? 0);
        return;
      }
    }
    const failuresBefore = this.#failures.length;
    const there = new Set<string>();
    for await (const listed of inBatches(mailbox.read())) {
      for (const { item } of listed) there.add(itemKey(item));
      await this.#take(mailbox, listed);
      onMessages(listed.length);
    }
    if (this.#options.followDeletes) await this.#removeOthers(there);
    // A mailbox with failures is looked at again.
    if (stateItem !== undefined && this.#failures.length === failuresBefore) {
      await imports.note(this.#accountId, this.#source, stateItem, this.#mailboxId);
    }
  }

  async #take(mailbox: SourceMailbox, listed: readonly SourceMessage[]): Promise<void> {
    const items = listed.map(({ item }) => item);
    const known = await this.#mailstore.imports.known(this.#accountId, this.#source, items);
    const fresh: SourceMessage[] = [];
    const changed: { readonly message: SourceMessage; readonly uid: number }[] = [];
    for (const message of listed) {
      const record = known.get(itemKey(message.item));
      if (record === undefined) fresh.push(message);
      else {
        this.#report.before += 1;
        // Flags that were changed here stay, unless they change there too.
        const differs = !record.sourceFlags.equals(flagsHash(message.flags));
        if (differs && record.mailboxId === this.#mailboxId) changed.push({ message, uid: record.uid });
      }
    }
    if (fresh.length > 0) await this.#bring(mailbox, fresh);
    if (changed.length > 0) await this.#followFlags(changed);
  }

  async #bring(mailbox: SourceMailbox, fresh: readonly SourceMessage[]): Promise<void> {
    const bodies = await mailbox.bodies(fresh);
    const ready: ImportMessage[] = [];
    for (const [i, message] of fresh.entries()) {
      const body = bodies[i] ?? 'gone';
      if (body === 'gone') continue;
      if (body instanceof Error) this.#failed(message, body.message);
      else {
        const content = await this.#mailstore.contents.arrived(body);
        const { item, flags, internalDate } = message;
        ready.push({ item, content, flags, internalDate, sourceFlags: flagsHash(flags) });
      }
    }
    if (ready.length === 0) return;
    const result = await this.#mailstore.imports.add(this.#mailboxId, this.#source, ready);
    if (result.kind === 'no-such-mailbox') throw new Error(`${this.#report.mailbox} was removed meanwhile`);
    this.#report.imported += result.count;
    for (const item of result.withoutKeywords)
      this.#failures.push(`${this.#report.mailbox}: ${item}: came without its keywords, as the account has too many`);
  }

  #failed({ item }: SourceMessage, why: string): void {
    this.#failures.push(`${this.#report.mailbox}: ${item}: ${why}`);
  }

  /** One STORE for each combination of flags; messages that have them already keep their mod-sequence. */
  async #followFlags(changed: readonly { readonly message: SourceMessage; readonly uid: number }[]): Promise<void> {
    const together = new Map<string, { flags: FlagSet; items: string[]; uids: number[] }>();
    for (const { message, uid } of [...changed].sort((a, b) => a.uid - b.uid)) {
      const key = flagsHash(message.flags).toString('hex');
      const group = together.get(key) ?? { flags: message.flags, items: [], uids: [] };
      group.items.push(message.item);
      group.uids.push(uid);
      together.set(key, group);
    }
    for (const { flags, items, uids } of together.values()) {
      const result = await this.#mailstore.messages.storeFlags(this.#mailboxId, uids, { how: 'set', flags });
      if (result.kind !== 'stored') {
        this.#failures.push(`${this.#report.mailbox}: flags of ${uids.length} messages: ${result.kind}`);
        continue;
      }
      this.#report.flagsChanged += result.changed.length;
      await this.#mailstore.imports.followed(this.#accountId, this.#source, items, flagsHash(flags));
    }
  }

  async #removeOthers(there: ReadonlySet<string>): Promise<void> {
    const brought = await this.#mailstore.imports.inMailbox(this.#accountId, this.#source, this.#mailboxId);
    const gone = [...brought].filter(([key]) => !there.has(key)).map(([, { uid }]) => uid);
    if (gone.length === 0) return;
    const result = await this.#mailstore.messages.remove(
      this.#mailboxId,
      gone.sort((a, b) => a - b),
    );
    if (result.kind === 'expunged') this.#report.removed += result.uids.length;
  }
}

/** The same for the same flags, in whatever order and case keywords are told. */
function flagsHash({ system, keywords }: FlagSet): Buffer {
  const names = [...systemFlagNames(system), ...keywords.map((name) => name.toLowerCase()).sort()];
  return createHash('sha256').update(names.join(' ')).digest().subarray(0, 8);
}

async function* inBatches(messages: AsyncIterable<SourceMessage>): AsyncIterable<SourceMessage[]> {
  let batch: SourceMessage[] = [];
  let octets = 0;
  for await (const message of messages) {
    if (batch.length > 0 && (batch.length >= BATCH_MESSAGES || octets + message.sizeBytes > BATCH_BYTES)) {
      yield batch;
      batch = [];
      octets = 0;
    }
    batch.push(message);
    octets += message.sizeBytes;
  }
  if (batch.length > 0) yield batch;
}
