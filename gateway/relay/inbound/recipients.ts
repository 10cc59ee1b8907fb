import { setTimeout as pause } from 'node:timers/promises';
import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import { type Expansion, expandRecipient } from '@postern/shared/directory/recipients.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { GuessVerdict } from '../memory/recipient-guesses.ts';
import type { RelayMemory } from '../memory/relay-memory.ts';
import { type SrsKeys, srsDecode } from '../outbound/srs.ts';
import type { SpoolRecipient } from '../spool/spool-file.ts';
import type { StoredRecipient, Stores } from '../stores.ts';
import { cachedProbe } from './probe-cache.ts';
import {
  BOUNCE_ADDRESS_REFUSALS,
  decideByDirectory,
  decideByStore,
  RECIPIENT_OK,
  STORE_NOT_CONFIGURED,
  TOO_MANY_GUESSES,
  TOO_MANY_RECIPIENTS,
} from './recipient-replies.ts';
import type { Transaction } from './transaction.ts';

/** How long the store's word on a recipient is kept. */
const PROBE_TTL_MS = 2_000;

/** Hosts of ours may ask what they like. */
const FREE: GuessVerdict = { kind: 'ask', pauseMs: 0 };

/** The answer to one RCPT; `cause` is set when it is a refusal. */
export interface RecipientAnswer {
  readonly reply: Reply;
  readonly cause?: string | undefined;
  /** Outside targets that were left out, because mail has no way out of the house. */
  readonly leftOut?: readonly string[] | undefined;
}

export interface RecipientLimits {
  readonly defaultDomain?: string | undefined;
  /** Most accounts and outside targets of one transaction, after expansion. */
  readonly maxRecipients: number;
  readonly maxAliasTargets: number;
  readonly maxAliasDepth: number;
  readonly probeMs: number;
  /** Who gets the mail of postmaster@ and abuse@ where the directory has neither. */
  readonly sitePostmaster?: string | undefined;
  readonly srs?: SrsKeys | undefined;
}

/** Answers RCPT: first the directory, then, if it can be had in time, the stores. */
export class Recipients {
  readonly #directory: Directory;
  readonly #stores: Stores;
  readonly #limits: RecipientLimits;
  readonly #mailLeaves: boolean;
  readonly #memory: Pick<RelayMemory, 'judgeGuesser' | 'noteUnknownRecipient'>;
  readonly #probe: (address: string, sizeBytes: number | undefined, store: string) => Promise<Outcome | undefined>;

  constructor(
    directory: Directory,
    stores: Stores,
    memory: Pick<RelayMemory, 'judgeGuesser' | 'noteUnknownRecipient'>,
    limits: RecipientLimits,
    mailLeaves: boolean,
  ) {
    this.#directory = directory;
    this.#stores = stores;
    this.#limits = limits;
    this.#mailLeaves = mailLeaves;
    this.#memory = memory;
    // Probed with the null reverse-path: the word is about the recipient and is shared by all senders.
    this.#probe = cachedProbe(
      (address, size, store) => this.#stores.probe(store, address, { size, smtpUtf8: /[^\x00-\x7f]/.test(address) }),
      PROBE_TTL_MS,
    );
  }

  /**
   * Decides on one recipient, and when it is accepted adds what it comes to to the transaction. A client that has asked
   * for many unknown ones waits, and later is not answered at all.
   */
  async check(
    recipient: EnvelopeRecipient,
    transaction: Transaction,
    client: string,
    reversePath: string,
  ): Promise<RecipientAnswer> {
    const verdict = transaction.trusted ? FREE : await this.#memory.judgeGuesser(client);
    if (verdict.kind === 'refuse') {
      return { reply: TOO_MANY_GUESSES, cause: `too many unknown recipients; again in ${verdict.retryMs} ms` };
    }
    if (verdict.pauseMs > 0) await pause(verdict.pauseMs);
    const target = this.#askedAddress(recipient.address, reversePath);
    if (typeof target !== 'string') return target;
    const { defaultDomain, sitePostmaster, maxAliasDepth, maxAliasTargets } = this.#limits;
    const expansion = await expandRecipient(this.#directory, target, {
      defaultDomain,
      sitePostmaster,
      followForwards: true,
      maxDepth: maxAliasDepth,
      maxTargets: maxAliasTargets,
    });
    if (expansion.kind === 'refused') {
      const bouncesOut = target !== recipient.address && expansion.why === 'no-such-domain' && this.#mailLeaves;
      if (expansion.why === 'no-such-domain' && transaction.origin !== undefined) {
        return this.#accept({ accounts: [], outside: [target] }, recipient, transaction);
      }
      // The sender of mail that we forwarded lives elsewhere: its bounce goes out again.
      if (bouncesOut && isSrs(recipient.address, this.#limits.srs)) {
        return this.#accept({ accounts: [], outside: [target] }, recipient, transaction);
      }
      if (expansion.why === 'no-such-user' || expansion.why === 'no-such-domain')
        this.#memory.noteUnknownRecipient(client);
    }
    const decision = decideByDirectory(expansion, this.#mailLeaves);
    if (decision.kind === 'refuse') return decision;
    if (expansion.kind !== 'resolved') throw new Error(`accepted an address that is ${expansion.kind}`);
    return await this.#accept(expansion, recipient, transaction);
  }

  /** The address to look up: bare names get their domain, rewritten senders (SRS) are those that they stand for. */
  #askedAddress(address: string, reversePath: string): string | RecipientAnswer {
    const { defaultDomain, sitePostmaster, srs } = this.#limits;
    if (!address.includes('@')) {
      // RFC 5321 §4.5.1: <postmaster> without a domain is ours.
      if (defaultDomain !== undefined) return `${address}@${defaultDomain}`;
      return sitePostmaster?.includes('@') === true ? sitePostmaster : address;
    }
    if (srs === undefined) return address;
    const decoded = srsDecode(address, srs, Date.now());
    if (decoded.ok) {
      // Only bounces come to a rewritten sender; for all other mail it would be an open door to one address outside.
      if (reversePath === '') return decoded.address;
      return { reply: BOUNCE_ADDRESS_REFUSALS['no-bounce'], cause: 'mail to a rewritten sender that is no bounce' };
    }
    if (decoded.why === 'no-srs') return address;
    return { reply: BOUNCE_ADDRESS_REFUSALS[decoded.why], cause: `rewritten sender: ${decoded.why}` };
  }

  /** Where mail to a sender goes: see {@link ReturnRoutes}. */
  async returnRoutes(address: string): Promise<readonly SpoolRecipient[] | undefined> {
    const pending = { status: 'pending' } as const;
    // RFC 3464 §2: nobody is told about a notice, so NOTIFY=NEVER.
    const outside = (target: string): SpoolRecipient => ({
      address: target,
      route: 'outside',
      notify: ['NEVER'],
      ...pending,
    });
    const { defaultDomain, sitePostmaster, maxAliasDepth, maxAliasTargets } = this.#limits;
    const expansion = await expandRecipient(this.#directory, address, {
      ...{ defaultDomain, sitePostmaster, followForwards: true },
      ...{ maxDepth: maxAliasDepth, maxTargets: maxAliasTargets },
    });
    if (expansion.kind === 'unknown') return undefined;
    if (expansion.kind === 'refused' && expansion.why === 'no-such-domain') return [outside(address)];
    if (expansion.kind !== 'resolved') return [];
    const inside = expansion.accounts.map(({ account }): SpoolRecipient => {
      const store = this.#stores.nameOf(account.mailHost);
      return {
        address: account.address,
        route: 'store',
        store: store === '' ? undefined : store,
        notify: ['NEVER'],
        ...pending,
      };
    });
    return [...inside, ...expansion.outside.map(outside)];
  }

  /** Whether an address is of a domain hosted here; undefined when the directory does not tell. */
  async isOurs(address: string): Promise<boolean | undefined> {
    const answer = await this.#directory.lookUp(address);
    if (answer.kind === 'unknown') return undefined;
    return !(answer.kind === 'refused' && answer.why === 'no-such-domain');
  }

  async #accept(
    expansion: Pick<Extract<Expansion, { kind: 'resolved' }>, 'accounts' | 'outside'>,
    recipient: EnvelopeRecipient,
    transaction: Transaction,
  ): Promise<RecipientAnswer> {
    const outside = this.#mailLeaves ? expansion.outside : [];
    const total = transaction.accounts.size + transaction.outside.size + expansion.accounts.length + outside.length;
    if (total > this.#limits.maxRecipients) {
      return { reply: TOO_MANY_RECIPIENTS, cause: `${total} recipients after expansion` };
    }
    const { notify, orcpt } = recipient;
    const stored: StoredRecipient[] = [];
    for (const { account } of expansion.accounts) {
      const store = this.#stores.nameOf(account.mailHost);
      if (store === undefined) {
        const cause = `${account.address} lives in ${account.mailHost}, which is none of store.stores`;
        return { reply: STORE_NOT_CONFIGURED, cause };
      }
      stored.push({ address: account.address, notify, orcpt, store });
    }
    if (outside.length === 0) {
      const word = decideByStore(await this.#storesWord(stored, transaction.sizeBytes));
      if (word.kind === 'refuse') return word;
    }
    for (const one of stored) addOnce(transaction.accounts, one.address.toLowerCase(), one);
    for (const address of outside) addOnce(transaction.outside, address, { address, notify, orcpt });
    const leftOut = this.#mailLeaves || expansion.outside.length === 0 ? undefined : expansion.outside;
    return { reply: RECIPIENT_OK, leftOut };
  }

  /** The stores' word on each account, or undefined where it is not to be had within the deadline. */
  async #storesWord(
    recipients: readonly StoredRecipient[],
    size: number | undefined,
  ): Promise<readonly (Outcome | undefined)[]> {
    let timer: NodeJS.Timeout | undefined;
    const open = new Set(recipients.map(({ store }) => store));
    const late = new Promise<readonly undefined[]>((resolve) => {
      timer = setTimeout(() => {
        for (const store of open) this.#stores.linkOf(store)?.noteLate();
        resolve([]);
      }, this.#limits.probeMs);
    });
    const words = Promise.all(
      recipients.map(async ({ address, store = '' }) => {
        const word = await this.#probe(address, size, store);
        open.delete(store);
        return word;
      }),
    );
    try {
      return await Promise.race([words, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function isSrs(address: string, srs: SrsKeys | undefined): boolean {
  return srs !== undefined && srsDecode(address, srs, Date.now()).ok;
}

function addOnce<T>(map: Map<string, T>, key: string, recipient: T): void {
  if (!map.has(key)) map.set(key, recipient);
}
