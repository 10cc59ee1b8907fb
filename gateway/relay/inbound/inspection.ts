import type { Reply } from '@postern/shared/smtp/reply.ts';
import { plainAddress } from '../dns/client-address.ts';
import type { Resolver } from '../dns/resolver.ts';
import { authenticationResultsHeader, withoutForgedResults } from './policy/authentication-results.ts';
import type { AuthenticationSettings } from './policy/authentication-settings.ts';
import { decideDmarc } from './policy/dmarc.ts';
import type { PolicyNote, Verdict } from './policy/rule.ts';
import { type SenderAuthentication, SenderAuthenticator } from './policy/sender-authentication.ts';

/** A message after its final dot, and who brought it. */
export interface Uninspected {
  readonly client: string;
  readonly helo: string;
  readonly reversePath: string;
  readonly recipients: readonly string[];
  readonly content: Buffer;
  readonly headerBytes: number;
  readonly deliveryId: string;
  /** A client to whom no rule applies; its content is scanned all the same. */
  readonly trusted: boolean;
  /** Time for all of it. */
  readonly budgetMs: number;
}

/** What is to become of it. */
export type Inspection =
  | { readonly kind: 'refused'; readonly reply: Reply; readonly notes: readonly PolicyNote[] }
  | {
      readonly kind: 'passed';
      readonly placement: 'inbox' | 'junk' | 'quarantine';
      readonly notes: readonly PolicyNote[];
      /** Fields to put before it, each ended by CRLF. */
      readonly header: string;
      /** The message, byte for byte but for forged results in our name. */
      readonly content: readonly Buffer[];
      /** Its reverse-path may be sent a DSN (invariant 3). */
      readonly senderAuthenticated: boolean;
      /** What was found out about the sender, for a seal: results with our name before them, and the chain of seals so far. */
      readonly authentication: { readonly results: string; readonly chain: 'none' | 'pass' | 'fail' } | undefined;
    };

/** One look at the content: ClamAV, rspamd, rules about attachments. Each is a file in content/. */
export interface ContentRule {
  readonly name: string;
  /** Decides within `budgetMs`; what is away or late is its own verdict, never a rejection. `header`: a note for readers. */
  inspect(message: Uninspected): Promise<ContentFinding>;
  close?(): void;
}

export interface ContentFinding {
  readonly verdict: Verdict;
  readonly header?: string | undefined;
}

export interface InspectionOptions {
  readonly hostname: string;
  readonly authentication: AuthenticationSettings;
  readonly resolver: Resolver;
  readonly contentRules: readonly ContentRule[];
}

/** Inspects messages within their SMTP transaction: sender and content at the same time, each rule asked once. */
export class Inspector {
  readonly #options: InspectionOptions;
  readonly #senders: SenderAuthenticator;

  constructor(options: InspectionOptions) {
    this.#options = options;
    this.#senders = new SenderAuthenticator(options.hostname, options.resolver);
  }

  async inspect(message: Uninspected): Promise<Inspection> {
    const { hostname, authentication, contentRules } = this.#options;
    const judgesSender = authentication.enabled && !message.trusted;
    const [sender, ...findings] = await Promise.all([
      judgesSender ? this.#authenticate(message) : undefined,
      ...contentRules.map((rule) => rule.inspect(message)),
    ]);
    const verdicts = findings.map(({ verdict }, i) => ({ rule: contentRules[i]?.name ?? '', verdict }));
    if (sender !== undefined) verdicts.unshift({ rule: 'dmarc', verdict: decideDmarc(sender, authentication) });
    const notes = verdicts
      .filter(({ verdict }) => verdict.kind !== 'accept' || verdict.reason !== undefined)
      .map(noteOf);
    const refusal = refusalAmong(verdicts.map(({ verdict }) => verdict));
    if (refusal !== undefined) return { kind: 'refused', reply: refusal, notes };
    const has = (kind: Verdict['kind']): boolean => verdicts.some(({ verdict }) => verdict.kind === kind);
    const results = sender === undefined ? '' : authenticationResultsHeader(hostname, sender.results);
    return {
      kind: 'passed',
      placement: has('quarantine') ? 'quarantine' : has('junk') ? 'junk' : 'inbox',
      notes,
      // RFC 8601 §5: above all other trace fields.
      header: results + findings.map(({ header }) => header ?? '').join(''),
      content: withoutForgedResults(message.content, message.headerBytes, hostname),
      senderAuthenticated: sender?.reversePathAuthenticated ?? false,
      authentication:
        sender === undefined
          ? undefined
          : { results: [hostname, ...sender.results].join(';\r\n '), chain: sender.arcChain },
    };
  }

  close(): void {
    for (const rule of this.#options.contentRules) rule.close?.();
  }

  #authenticate(message: Uninspected): Promise<SenderAuthentication> {
    const facts = { ...message, client: plainAddress(message.client) };
    return this.#senders.authenticate(facts, Math.min(this.#options.authentication.timeoutMs, message.budgetMs));
  }
}

function noteOf({ rule, verdict }: { rule: string; verdict: Verdict }): PolicyNote {
  return { rule, verdict: verdict.kind, reason: verdict.reason };
}

/** A refusal for good goes before one for now: what is a virus today is one tomorrow. */
function refusalAmong(verdicts: readonly Verdict[]): Reply | undefined {
  const of = (kind: 'reject' | 'tempfail'): Reply | undefined => {
    const found = verdicts.find((verdict) => verdict.kind === kind);
    return found?.kind === kind ? found.reply : undefined;
  };
  return of('reject') ?? of('tempfail');
}
