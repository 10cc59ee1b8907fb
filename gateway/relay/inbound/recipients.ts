import type { Outcome } from '@postern/shared/delivery/outcome.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import { expandRecipient } from '@postern/shared/directory/recipients.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import type { StoreLink } from '../store-link.ts';
import { cachedProbe } from './probe-cache.ts';
import { decideByDirectory, decideByStore, RECIPIENT_OK, TOO_MANY_RECIPIENTS } from './recipient-replies.ts';
import type { Transaction } from './transaction.ts';

/** How long the store's word on a recipient is kept. */
const PROBE_TTL_MS = 2_000;

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
}

/** Answers RCPT: first the directory, then, if it can be had in time, the store. */
export class Recipients {
  readonly #directory: Directory;
  readonly #store: StoreLink;
  readonly #limits: RecipientLimits;
  readonly #mailLeaves: boolean;
  readonly #probe: (address: string, sizeBytes: number | undefined) => Promise<Outcome | undefined>;

  constructor(directory: Directory, store: StoreLink, limits: RecipientLimits, mailLeaves: boolean) {
    this.#directory = directory;
    this.#store = store;
    this.#limits = limits;
    this.#mailLeaves = mailLeaves;
    // Probed with the null reverse-path: the word is about the recipient and is shared by all senders.
    this.#probe = cachedProbe(async (address, size) => {
      const smtpUtf8 = /[^\x00-\x7f]/.test(address);
      const [outcome] = await this.#store.probe('', [address], { size, smtpUtf8 });
      return outcome;
    }, PROBE_TTL_MS);
  }

  /** Decides on one recipient, and when it is accepted adds what it comes to to the transaction. */
  async check(recipient: EnvelopeRecipient, transaction: Transaction): Promise<RecipientAnswer> {
    const { defaultDomain, maxAliasDepth, maxAliasTargets, maxRecipients } = this.#limits;
    // RFC 5321 §4.5.1: <postmaster> without a domain is ours.
    const bare = !recipient.address.includes('@');
    const asked = bare && defaultDomain !== undefined ? `${recipient.address}@${defaultDomain}` : recipient.address;
    const expansion = await expandRecipient(this.#directory, asked, {
      defaultDomain,
      maxDepth: maxAliasDepth,
      maxTargets: maxAliasTargets,
    });
    const decision = decideByDirectory(expansion, this.#mailLeaves);
    if (decision.kind === 'refuse') return decision;
    if (expansion.kind !== 'resolved') throw new Error(`accepted an address that is ${expansion.kind}`);

    const outside = this.#mailLeaves ? expansion.outside : [];
    const total = transaction.accounts.size + transaction.outside.size + expansion.accounts.length + outside.length;
    if (total > maxRecipients) return { reply: TOO_MANY_RECIPIENTS, cause: `${total} recipients after expansion` };

    const addresses = expansion.accounts.map(({ account }) => account.address);
    if (outside.length === 0) {
      const word = decideByStore(await this.#storesWord(addresses, transaction.sizeBytes));
      if (word.kind === 'refuse') return word;
    }
    const { notify, orcpt } = recipient;
    for (const address of addresses) addOnce(transaction.accounts, address.toLowerCase(), { address, notify, orcpt });
    for (const address of outside) addOnce(transaction.outside, address, { address, notify, orcpt });
    const leftOut = this.#mailLeaves || expansion.outside.length === 0 ? undefined : expansion.outside;
    return { reply: RECIPIENT_OK, leftOut };
  }

  /** The store's word on each account, or undefined where it is not to be had within the deadline. */
  async #storesWord(addresses: readonly string[], size: number | undefined): Promise<readonly (Outcome | undefined)[]> {
    if (!this.#store.worthTrying) return [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<readonly undefined[]>((resolve) => {
      timer = setTimeout(() => {
        this.#store.noteLate();
        resolve([]);
      }, this.#limits.probeMs);
    });
    const words = Promise.all(addresses.map((address) => this.#probe(address, size)));
    try {
      return await Promise.race([words, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function addOnce(map: Map<string, EnvelopeRecipient>, key: string, recipient: EnvelopeRecipient): void {
  if (!map.has(key)) map.set(key, recipient);
}
