import type { Log } from '@postern/shared/runtime/log.ts';
import type { SieveError } from '@postern/shared/settings/sieve.ts';
import { memoryKeyText } from '../../mailstore/door/scripts.ts';
import { NO_FLAGS } from '../../mailstore/flags.ts';
import { canonicalMailboxName } from '../../mailstore/mailbox-name.ts';
import type { ArrivedContent, Delivery, DeliveryTarget, MailboxInfo, Mailstore } from '../../mailstore/mailstore.ts';
import { SieveMessage } from '../../sieve/message.ts';
import type { KnownMailboxes, RunInput } from '../../sieve/run.ts';
import type { ArrivedMessage, LocalRecipient } from '../arrived-message.ts';
import { AccountRulesCache, type RulesOfAccount } from './account-rules.ts';
import { type ChainOutcome, runChain } from './chain.ts';
import { decide, duplicateKey } from './decision.ts';
import { errorNotice } from './error-notice.ts';
import type { SieveSettings } from './settings.ts';
import type { SiteScripts } from './site-scripts.ts';

export interface DeliveryRulesOptions {
  readonly mailstore: Mailstore;
  readonly hostname: string;
  readonly settings: SieveSettings;
  readonly site: SiteScripts;
  readonly log: Log;
}

/** Judges deliveries by the rules of their accounts. An account without any costs one look-up in memory. */
export class DeliveryRules {
  readonly #options: DeliveryRulesOptions;
  readonly #accounts: AccountRulesCache;

  constructor(options: DeliveryRulesOptions) {
    this.#options = options;
    this.#accounts = new AccountRulesCache(options.mailstore, options.site);
  }

  /** The site's scripts were read anew. */
  useSite(site: SiteScripts): void {
    this.#accounts.useSite(site);
  }

  /** The rules of the account are read anew at the next delivery. */
  forget(accountId: number): void {
    this.#accounts.forget(accountId);
  }

  /** `plain` as the account's rules want it: at once where there is nothing to ask the database. */
  judge(plain: Delivery, message: ArrivedMessage, recipient: LocalRecipient): Delivery | Promise<Delivery> {
    const rules = this.#accounts.of(recipient.account);
    if (rules instanceof Promise) return rules.then((read) => this.#judgeBy(read, plain, message, recipient));
    return this.#judgeBy(rules, plain, message, recipient);
  }

  #judgeBy(
    rules: RulesOfAccount,
    plain: Delivery,
    arrived: ArrivedMessage,
    recipient: LocalRecipient,
  ): Delivery | Promise<Delivery> {
    const { version, links } = rules;
    if (links.length === 0) return { ...plain, rules: { version, remember: [] } };
    if (links.some(({ asksForMailboxes }) => asksForMailboxes)) {
      const listed = this.#options.mailstore.mailboxes.list(recipient.account.id);
      return listed.then((mailboxes) => this.#run(rules, plain, arrived, recipient, mailboxes));
    }
    return this.#run(rules, plain, arrived, recipient, []);
  }

  #run(
    rules: RulesOfAccount,
    plain: Delivery,
    arrived: ArrivedMessage,
    recipient: LocalRecipient,
    mailboxes: readonly MailboxInfo[],
    seen: ReadonlyMap<string, boolean> = new Map(),
  ): Delivery | Promise<Delivery> {
    // Scripts may change the header, so that each run has a message of its own.
    const message = new SieveMessage(arrived.bytes, arrived.bytes.length - arrived.traceBytes);
    const input = this.#inputOf(message, arrived, recipient, mailboxes, seen);
    const outcome = runChain(rules.links, input, this.#accounts.site.language.limits);
    if ('asks' in outcome) {
      const { scripts } = this.#options.mailstore;
      const key = duplicateKey(outcome.asks);
      return scripts.remembered(recipient.account.id, [key], arrived.receivedAt.getTime()).then((found) => {
        const more = new Map([...seen, [outcome.asks, found.has(memoryKeyText(key))]]);
        return this.#run(rules, plain, arrived, recipient, mailboxes, more);
      });
    }
    return this.#apply(rules.version, outcome, message, plain, arrived, recipient, mailboxes);
  }

  async #apply(
    version: number,
    outcome: ChainOutcome,
    message: SieveMessage,
    plain: Delivery,
    arrived: ArrivedMessage,
    recipient: LocalRecipient,
    mailboxes: readonly MailboxInfo[],
  ): Promise<Delivery> {
    const { hostname } = this.#options;
    const keepTarget: DeliveryTarget = plain.into[0] ?? { mailbox: 'INBOX', flags: NO_FLAGS };
    const decision = decide(outcome, { hostname, arrived, recipient, message, keepTarget, mailboxes });
    const error = this.#errorOf(outcome, decision.loops, arrived, recipient);
    const content = decision.rewritten === undefined ? plain.content : await this.#content(decision.rewritten);
    const outgoing = await Promise.all(
      decision.outgoing.map(async ({ bytes, ...each }) => ({ ...each, content: await this.#content(bytes) })),
    );
    return {
      ...plain,
      ...decision.refused,
      content,
      into: decision.refused === undefined ? decision.into : [],
      outgoing,
      rules: { version, remember: decision.remember, ...(error && (await this.#told(error, arrived, recipient))) },
    };
  }

  #errorOf(
    { error }: ChainOutcome,
    loops: number,
    { receivedAt, deliveryId }: ArrivedMessage,
    { account }: LocalRecipient,
  ): SieveError | undefined {
    if (error === undefined && loops === 0) return undefined;
    const { script, line, message } =
      error ??
      ({ script: 'redirect', line: 0, message: 'the message has come back from where it was sent on to' } as const);
    // What the script says may quote the message: it is for its owner, not for the log.
    this.#options.log.warn({ event: 'sieve-failed', deliveryId, account: account.address, script, line });
    return { at: receivedAt.toISOString(), script, line, message };
  }

  async #told(
    error: SieveError,
    { receivedAt, deliveryId }: ArrivedMessage,
    { account }: LocalRecipient,
  ): Promise<{ error: Buffer; notice: { content: ArrivedContent; once: { key: Buffer; untilMs: number } } }> {
    const { hostname } = this.#options;
    const messageId = `${deliveryId}.${account.id}.0@${hostname}`;
    const { content, once } = errorNotice(error, { owner: account.address, hostname, messageId, at: receivedAt });
    return { error: Buffer.from(JSON.stringify(error)), notice: { content: await this.#content(content), once } };
  }

  #content(bytes: Buffer): ArrivedContent | Promise<ArrivedContent> {
    return this.#options.mailstore.contents.arrived(bytes);
  }

  #inputOf(
    message: SieveMessage,
    arrived: ArrivedMessage,
    { address, originalAddress }: LocalRecipient,
    mailboxes: readonly MailboxInfo[],
    seen: ReadonlyMap<string, boolean>,
  ): Omit<RunInput, 'include'> {
    const { hostname, settings } = this.#options;
    return {
      message,
      envelope: { from: arrived.reversePath, to: originalAddress ?? address },
      now: { ms: arrived.receivedAt.getTime(), zoneMinutes: -arrived.receivedAt.getTimezoneOffset() },
      // RFC 5183 §4.1.
      environment: {
        name: 'Postern',
        host: hostname,
        domain: hostname.slice(hostname.indexOf('.') + 1),
        location: 'MDA',
        phase: 'during',
      },
      mailboxes: knownMailboxes(mailboxes),
      spamPercent: spamPercent(message, arrived, settings),
      virusLevel: virusLevel(message, settings),
      seen,
    };
  }
}

function knownMailboxes(mailboxes: readonly MailboxInfo[]): KnownMailboxes {
  const named = (name: string): MailboxInfo | undefined => {
    const canonical = canonicalMailboxName(name);
    return mailboxes.find((mailbox) => mailbox.name === canonical);
  };
  return {
    exists: (name) => named(name) !== undefined,
    existsId: (id) => mailboxes.some((mailbox) => `M${mailbox.id}` === id),
    existsUse(use, name) {
      const wanted = use.toLowerCase();
      const among = name === undefined ? mailboxes : [named(name)];
      return among.some((mailbox) => mailbox?.specialUse?.toLowerCase() === wanted);
    },
  };
}

/** RFC 5235 §2: what the gateway found, as far as a field tells it; what it has marked as junk is spam. */
function spamPercent(
  message: SieveMessage,
  { placement }: ArrivedMessage,
  settings: SieveSettings,
): number | undefined {
  if (placement === 'junk') return 100;
  const value = settings.spamHeader === undefined ? undefined : message.header.first(settings.spamHeader.toLowerCase());
  const score = /-?\d+(?:\.\d+)?/.exec(value ?? '')?.[0];
  if (score === undefined) return undefined;
  return Math.round(Math.min(100, Math.max(0, (Number(score) / settings.spamThreshold) * 100)));
}

function virusLevel(message: SieveMessage, { virusHeader }: SieveSettings): number | undefined {
  const value = virusHeader === undefined ? undefined : message.header.first(virusHeader.toLowerCase());
  return value !== undefined && /^[1-5]$/.test(value) ? Number(value) : undefined;
}
