import { BlockList, isIPv4 } from 'node:net';
import type { Reply } from '@postern/shared/smtp/reply.ts';
import { plainAddress } from '../../dns/client-address.ts';
import type { PolicyNote, Rule, Stage, Subject, Verdict } from './rule.ts';

/** A client as a listener knows it. */
export interface Client {
  readonly remoteAddress: string;
  readonly heloName: string | undefined;
}

/** What all rules together say of one recipient. */
export interface Judgement {
  readonly refusal?: { readonly reply: Reply; readonly stage: Stage } | undefined;
  readonly junk: boolean;
  /** What is worth a word in the log: all but plain acceptance. */
  readonly notes: readonly PolicyNote[];
}

const NOTHING_TO_SAY: Judgement = { junk: false, notes: [] };
const ORDER: readonly Rule['stage'][] = ['connect', 'helo', 'mail', 'rcpt'];

export interface PolicyOptions {
  readonly trustedNetworks: readonly string[];
  readonly exemptRecipients: readonly string[];
}

/**
 * The rules about clients, senders and recipients. Look-ups about the client begin when it connects; all refusals are
 * given at RCPT, where the log can name sender and recipient, and where postmaster can be spared (RFC 5321 §4.5.1).
 */
export class Policy {
  readonly #rules: readonly Rule[];
  readonly #trusted = new BlockList();
  readonly #exempt: ReadonlySet<string>;

  /** Rules of one stage are asked in the order given; allow lists come first. */
  constructor(rules: readonly Rule[], options: PolicyOptions) {
    this.#rules = ORDER.flatMap((stage) => rules.filter((rule) => rule.stage === stage));
    this.#exempt = new Set(options.exemptRecipients.map((localPart) => localPart.toLowerCase()));
    for (const network of options.trustedNetworks) {
      const [address = '', bits = ''] = network.split('/');
      this.#trusted.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
    }
  }

  /** A client to whom no rule applies. */
  trusts(remoteAddress: string): boolean {
    const address = plainAddress(remoteAddress);
    return this.#trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }

  /** A client has connected. */
  meet(client: Client): ClientPolicy {
    if (this.#rules.length === 0 || this.trusts(client.remoteAddress)) return TRUSTED;
    return new JudgedClient(this.#rules, this.#exempt, client);
  }
}

/** Policy towards one connection. */
export interface ClientPolicy {
  /** A new transaction begins: rules about senders are asked anew. */
  beginTransaction(): void;
  judge(reversePath: string, recipient: string): Promise<Judgement>;
}

const TRUSTED: ClientPolicy = { beginTransaction: () => {}, judge: () => Promise.resolve(NOTHING_TO_SAY) };

class JudgedClient implements ClientPolicy {
  readonly #rules: readonly Rule[];
  readonly #exempt: ReadonlySet<string>;
  readonly #client: Client;
  readonly #known = new Map<Rule, { readonly of: string; readonly verdict: Promise<Verdict> }>();
  #transaction = 0;

  constructor(rules: readonly Rule[], exempt: ReadonlySet<string>, client: Client) {
    this.#rules = rules;
    this.#exempt = exempt;
    this.#client = client;
    const atConnect = this.#subject('', '');
    for (const rule of rules) {
      // A fault is met again, and told, where the verdict is asked for.
      if (rule.stage === 'connect') this.#ask(rule, atConnect).catch(() => undefined);
    }
  }

  beginTransaction(): void {
    this.#transaction++;
  }

  async judge(reversePath: string, recipient: string): Promise<Judgement> {
    const localPart = recipient.slice(0, recipient.includes('@') ? recipient.lastIndexOf('@') : recipient.length);
    if (this.#exempt.has(localPart.toLowerCase())) return NOTHING_TO_SAY;
    const subject = this.#subject(reversePath, recipient);
    const notes: PolicyNote[] = [];
    let junk = false;
    for (const rule of this.#rules) {
      const verdict = await this.#ask(rule, subject);
      if (verdict.kind === 'accept' && verdict.reason === undefined) continue;
      notes.push({ rule: rule.name, verdict: verdict.kind, reason: verdict.reason });
      if (verdict.kind === 'tempfail' || verdict.kind === 'reject') {
        return { refusal: { reply: verdict.reply, stage: rule.stage }, junk, notes };
      }
      if (verdict.kind === 'junk') junk = true;
      if (verdict.kind === 'accept' && verdict.exempt === true) return { junk: false, notes };
    }
    return notes.length === 0 ? NOTHING_TO_SAY : { junk, notes };
  }

  /** Asks a rule once for all that it depends on. */
  #ask(rule: Rule, subject: Subject): Promise<Verdict> {
    const of = this.#dependsOn(rule.stage, subject);
    const known = this.#known.get(rule);
    if (known !== undefined && known.of === of) return known.verdict;
    const verdict = Promise.resolve(rule.judge(subject));
    this.#known.set(rule, { of, verdict });
    return verdict;
  }

  #dependsOn(stage: Rule['stage'], subject: Subject): string {
    switch (stage) {
      case 'connect':
        return '';
      case 'helo':
        return subject.helo;
      case 'mail':
        return String(this.#transaction);
      case 'rcpt':
        return `${this.#transaction} ${subject.recipient}`;
    }
  }

  #subject(reversePath: string, recipient: string): Subject {
    const { remoteAddress, heloName } = this.#client;
    return { client: plainAddress(remoteAddress), helo: heloName ?? '', reversePath, recipient };
  }
}
