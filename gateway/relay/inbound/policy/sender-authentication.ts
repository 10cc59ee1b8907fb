import { isIP } from 'node:net';
import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { fieldValue, hasName, readHeader } from '@postern/shared/message/header.ts';
import { spf } from 'mailauth';
import { evaluateDmarc } from 'mailauth/lib/dmarc/index.js';
import { type DkimResult, DkimVerifier, type SignedMessage } from '../../dkim/verify.ts';
import type { Resolver } from '../../dns/resolver.ts';
import { type ArcFinding, arcChainOf, arcResult, arcSealer } from './arc-chain.ts';
import { BoundedQuestions } from './bounded-questions.ts';
import { Conclusions } from './conclusions.ts';
import { dkimClause } from './dkim-clause.ts';

/** DNS questions that one message may cause: signatures and SPF records are written by strangers. */
const MAX_QUESTIONS = 80;
/** DKIM-Signature fields that are looked at; RFC 6376 §6.1 leaves the limit to us. */
const MAX_SIGNATURES = 12;

/** What SPF, DKIM, DMARC and ARC say of a message, as far as policy and trace need it. */
export interface SenderAuthentication {
  readonly spf: string;
  readonly dmarc: {
    readonly result: string;
    /** What the domain asks for: none, quarantine or reject. */
    readonly policy: string;
    readonly domain: string;
    /** Why DMARC cannot be evaluated: no author, or several (RFC 9989 §5.3.1). */
    readonly skipped?: string | undefined;
  };
  /** Domain of the newest ARC set when the chain is intact and says that DMARC passed there. */
  readonly arcSealer: string | undefined;
  /** Whether the chain of ARC sets is good (RFC 8617 §5.2); a chain that cannot be judged now counts as failed. */
  readonly arcChain: 'none' | 'pass' | 'fail';
  /** The reverse-path is authenticated: SPF passes, or DKIM by its domain (invariant 3). */
  readonly reversePathAuthenticated: boolean;
  /** Results as RFC 8601 §2.2 writes them, one a method. */
  readonly results: readonly string[];
}

export interface AuthenticationFacts {
  readonly client: string;
  readonly helo: string;
  readonly reversePath: string;
  readonly content: Buffer;
}

/** What SPF found; `clause` is as RFC 8601 §2.2 writes it. */
interface SpfFinding {
  readonly result: string;
  readonly domains: readonly string[];
  readonly clause: string | undefined;
}

type DmarcFinding = SenderAuthentication['dmarc'] & { readonly clause: string | undefined };

const NOT_KNOWN: SenderAuthentication = {
  spf: 'temperror',
  dmarc: { result: 'temperror', policy: 'none', domain: '' },
  arcSealer: undefined,
  arcChain: 'fail',
  reversePathAuthenticated: false,
  results: ['spf=temperror', 'dkim=temperror', 'dmarc=temperror'],
};

/**
 * Authenticates senders: DKIM by our own verifier, because a parsed message, hashed in place, and keys imported once cost a
 * tenth of a general library's work; SPF, DMARC and ARC by mailauth.
 */
export class SenderAuthenticator {
  readonly #dkim = new DkimVerifier();
  readonly #spfKnown = new Conclusions<SpfFinding>();
  readonly #dmarcKnown = new Conclusions<DmarcFinding>();
  readonly #hostname: string;
  readonly #resolver: Resolver;

  /** @param hostname authserv-id (RFC 8601 §2.5) */
  constructor(hostname: string, resolver: Resolver) {
    this.#hostname = hostname;
    this.#resolver = resolver;
  }

  /** Never rejects for what a stranger wrote or the DNS does not say: what cannot be had in time is `temperror`. */
  async authenticate(facts: AuthenticationFacts, timeoutMs: number): Promise<SenderAuthentication> {
    let timer: NodeJS.Timeout | undefined;
    const abandoned = new AbortController();
    const late = new Promise<SenderAuthentication>((resolve) => {
      timer = setTimeout(() => {
        resolve(NOT_KNOWN);
        abandoned.abort();
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.#judge(facts, abandoned.signal), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #judge(facts: AuthenticationFacts, signal: AbortSignal): Promise<SenderAuthentication> {
    const questions = new BoundedQuestions(this.#resolver, MAX_QUESTIONS);
    const { content } = facts;
    const message: SignedMessage = { content, ...readHeader(content, 0, content.length) };
    const [dkim, spfFinding, arc] = await Promise.all([
      this.#dkim.verify(message, {
        maxSignatures: MAX_SIGNATURES,
        now: new Date(),
        lookUpText: (name) => questions.text(name),
      }),
      this.#spf(facts, questions),
      arcChainOf(message, facts.client, this.#hostname, questions, signal),
    ]);
    const from = message.fields.filter((field) => hasName(content, field, 'from'));
    const evidence = {
      headerFrom: from.flatMap((field) => authorsOf(fieldValue(content, field))),
      fromFields: from.length,
      spfDomains: spfFinding.result === 'pass' ? [...spfFinding.domains] : [],
      dkimDomains: dkim
        .filter(({ result }) => result === 'pass')
        .map(({ domain = '', unsignedOctets }) => ({ domain, underSized: unsignedOctets })),
    };
    const dmarc =
      arc === false
        ? await this.#dmarcKnown.of(JSON.stringify(evidence), questions, async ({ ask }) =>
            dmarcFinding(await evaluateDmarc({ ...evidence, resolver: ask })),
          )
        : dmarcFinding(await evaluateDmarc({ ...evidence, arcResult: arc, resolver: questions.ask }));
    return summary(facts.reversePath, dkim, spfFinding, arc, dmarc);
  }

  #spf({ client, helo, reversePath }: AuthenticationFacts, questions: BoundedQuestions): Promise<SpfFinding> {
    const name = isIP(helo) === 0 ? helo : `[${helo}]`;
    return this.#spfKnown.of(`${client}\n${name}\n${reversePath}`, questions, async ({ ask }) => {
      const found = await spf({ ip: client, helo: name, sender: reversePath, mta: this.#hostname, resolver: ask });
      return { result: found.status.result, domains: [found.domain].flat(), clause: found.info };
    });
  }
}

/** Addresses of a From field as DMARC looks at them, one for each mailbox; text beyond US-ASCII is UTF-8 (RFC 6532 §3.2). */
function authorsOf(value: string): string[] {
  return mailboxesOf(parseAddressList(value)).map(({ localPart, domain }) => {
    const bare = /^[^\s"@<>]+$/.test(localPart) ? localPart : '""';
    return Buffer.from(`${bare}@${domain}`, 'latin1').toString('utf8');
  });
}

function dmarcFinding({ response, reason }: Awaited<ReturnType<typeof evaluateDmarc>>): DmarcFinding {
  if (response === false) return { result: 'none', policy: 'none', domain: '', skipped: reason, clause: undefined };
  const { status, policy = 'none', info } = response;
  return { result: status.result, policy, domain: String(status.header?.from ?? ''), skipped: undefined, clause: info };
}

function summary(
  reversePath: string,
  dkim: readonly DkimResult[],
  spfFinding: SpfFinding,
  arc: ArcFinding,
  { clause: dmarcClause, ...dmarc }: DmarcFinding,
): SenderAuthentication {
  const domain = reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase();
  const signedByReversePath = dkim.some(
    ({ result, domain: signer }) => result === 'pass' && signer !== undefined && isWithin(domain, signer),
  );
  const clauses = [spfFinding.clause, arc === false ? undefined : arc.info, dmarcClause];
  return {
    spf: spfFinding.result,
    dmarc,
    arcSealer: arcSealer(arc),
    arcChain: arcResult(arc),
    reversePathAuthenticated: reversePath !== '' && (spfFinding.result === 'pass' || signedByReversePath),
    results: [
      ...(dkim.length === 0 ? ['dkim=none'] : dkim.map(dkimClause)),
      ...clauses.filter((clause): clause is string => typeof clause === 'string' && clause !== ''),
    ],
  };
}

/** Relaxed alignment of a reverse-path: its domain is the signer's, or below it. */
function isWithin(domain: string, signer: string): boolean {
  const wanted = signer.toLowerCase();
  return domain !== '' && (domain === wanted || domain.endsWith(`.${wanted}`));
}
