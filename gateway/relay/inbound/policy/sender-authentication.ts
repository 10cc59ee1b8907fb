import { isIP } from 'node:net';
import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { fieldValue, hasName, readHeader } from '@postern/shared/message/header.ts';
import { type AuthenticateResult, authenticate, type SPFResult, spf } from 'mailauth';
import { evaluateDmarc } from 'mailauth/lib/dmarc/index.js';
import { type DkimResult, DkimVerifier, type SignedMessage } from '../../dkim/verify.ts';
import type { Resolver } from '../../dns/resolver.ts';
import { BoundedQuestions } from './bounded-questions.ts';
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
    const late = new Promise<SenderAuthentication>((resolve) => {
      timer = setTimeout(() => resolve(NOT_KNOWN), timeoutMs);
    });
    try {
      return await Promise.race([this.#judge(facts), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #judge(facts: AuthenticationFacts): Promise<SenderAuthentication> {
    const questions = new BoundedQuestions(this.#resolver, MAX_QUESTIONS);
    const { content } = facts;
    const message: SignedMessage = { content, ...readHeader(content, 0, content.length) };
    const [dkim, spfResult, arc] = await Promise.all([
      this.#dkim.verify(message, {
        maxSignatures: MAX_SIGNATURES,
        now: new Date(),
        lookUpText: (name) => questions.text(name),
      }),
      this.#spf(facts, questions),
      this.#arc(facts, message, questions),
    ]);
    const from = message.fields.filter((field) => hasName(content, field, 'from'));
    const dmarc = await evaluateDmarc({
      headerFrom: from.flatMap((field) => authorsOf(fieldValue(content, field))),
      fromFields: from.length,
      spfDomains: spfResult !== false && spfResult.status.result === 'pass' ? [spfResult.domain].flat() : [],
      dkimDomains: dkim
        .filter(({ result }) => result === 'pass')
        .map(({ domain = '', unsignedOctets }) => ({ domain, underSized: unsignedOctets })),
      ...(arc === false ? {} : { arcResult: arc }),
      resolver: questions.ask,
    });
    return summary(facts.reversePath, dkim, spfResult, arc, dmarc);
  }

  #spf({ client, helo, reversePath }: AuthenticationFacts, questions: BoundedQuestions): Promise<SPFResult | false> {
    const name = isIP(helo) === 0 ? helo : `[${helo}]`;
    return spf({ ip: client, helo: name, sender: reversePath, mta: this.#hostname, resolver: questions.ask });
  }

  /** RFC 8617: few messages carry a chain, so the library may read those once more from the start. */
  async #arc(
    { client, content }: AuthenticationFacts,
    { fields }: SignedMessage,
    questions: BoundedQuestions,
  ): Promise<AuthenticateResult['arc']> {
    if (!fields.some((field) => hasName(content, field, 'arc-seal'))) return false;
    const { arc } = await authenticate(withoutSignatures(content, fields), {
      ip: client,
      mta: this.#hostname,
      resolver: questions.ask,
      disableDmarc: true,
      disableBimi: true,
    });
    return arc;
  }
}

/** Addresses of a From field as DMARC looks at them, one for each mailbox; text beyond US-ASCII is UTF-8 (RFC 6532 §3.2). */
function authorsOf(value: string): string[] {
  return mailboxesOf(parseAddressList(value)).map(({ localPart, domain }) => {
    const bare = /^[^\s"@<>]+$/.test(localPart) ? localPart : '""';
    return Buffer.from(`${bare}@${domain}`, 'latin1').toString('utf8');
  });
}

function summary(
  reversePath: string,
  dkim: readonly DkimResult[],
  spfResult: SPFResult | false,
  arc: AuthenticateResult['arc'],
  { response: dmarc, reason }: Awaited<ReturnType<typeof evaluateDmarc>>,
): SenderAuthentication {
  const spfStatus = spfResult === false ? 'none' : spfResult.status.result;
  const domain = reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase();
  const signedByReversePath = dkim.some(
    ({ result, domain: signer }) => result === 'pass' && signer !== undefined && isWithin(domain, signer),
  );
  const clauses = [spfResult, arc, dmarc].map((found) => (found === false ? undefined : found.info));
  return {
    spf: spfStatus,
    dmarc: {
      result: dmarc === false ? 'none' : dmarc.status.result,
      policy: dmarc === false ? 'none' : (dmarc.policy ?? 'none'),
      domain: dmarc === false ? '' : String(dmarc.status.header?.from ?? ''),
      skipped: dmarc === false ? reason : undefined,
    },
    arcSealer: arcSealer(arc),
    arcChain: arcChain(arc),
    reversePathAuthenticated: reversePath !== '' && (spfStatus === 'pass' || signedByReversePath),
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

function arcChain(arc: AuthenticateResult['arc']): SenderAuthentication['arcChain'] {
  const result = arc === false ? 'none' : arc.status.result;
  return result === 'none' || result === 'pass' ? result : 'fail';
}

function arcSealer(arc: AuthenticateResult['arc']): string | undefined {
  if (arc === false || arc.status.result !== 'pass' || arc.signature === undefined || arc.signature === false) return;
  const reported = arc.authenticationResults?.dmarc as { readonly result?: string } | undefined;
  return reported?.result === 'pass' ? arc.signature.signingDomain?.toLowerCase() : undefined;
}

/** The message without DKIM signatures, which our own verifier has judged. */
function withoutSignatures(content: Buffer, fields: SignedMessage['fields']): Buffer {
  const kept: Buffer[] = [];
  let from = 0;
  for (const field of fields) {
    if (!hasName(content, field, 'dkim-signature')) continue;
    kept.push(content.subarray(from, field.start));
    from = field.end;
  }
  return Buffer.concat([...kept, content.subarray(from)]);
}
