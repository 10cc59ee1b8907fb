import { findField, hasName, readHeader } from '@postern/shared/message/header.ts';
import { type AuthenticateResult, authenticate } from 'mailauth';
import type { DnsRecord, RecordType, Resolver } from '../../dns/resolver.ts';

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
  readonly headerBytes: number;
}

const NOT_KNOWN: SenderAuthentication = {
  spf: 'temperror',
  dmarc: { result: 'temperror', policy: 'none', domain: '' },
  arcSealer: undefined,
  reversePathAuthenticated: false,
  results: ['spf=temperror', 'dkim=temperror', 'dmarc=temperror'],
};

/** Authenticates the sender of a message. Never rejects: what cannot be had in time is `temperror`. */
export async function authenticateSender(
  facts: AuthenticationFacts,
  hostname: string,
  resolver: Resolver,
  timeoutMs: number,
): Promise<SenderAuthentication> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    const verified = authenticate(withFewerSignatures(facts), {
      ip: facts.client,
      helo: facts.helo,
      sender: facts.reversePath,
      mta: hostname,
      resolver: boundedLookups(resolver),
      // RFC 8301 §3.1.
      rejectRsaSha1: true,
      disableBimi: true,
    });
    const result = await Promise.race([verified, late]);
    return result === undefined ? NOT_KNOWN : summary(result, facts.reversePath);
  } finally {
    clearTimeout(timer);
  }
}

function summary(result: AuthenticateResult, reversePath: string): SenderAuthentication {
  const { dkim, spf, dmarc, arc } = result;
  const spfResult = spf === false ? 'none' : spf.status.result;
  const infos = [...(dkim.results ?? []), spf, arc, dmarc].map((found) => (found === false ? undefined : found.info));
  const domain = reversePath.slice(reversePath.lastIndexOf('@') + 1).toLowerCase();
  const signedByReversePath = (dkim.results ?? []).some(
    (r) => r.status.result === 'pass' && r.signingDomain !== undefined && isWithin(domain, r.signingDomain),
  );
  return {
    spf: spfResult,
    dmarc: {
      result: dmarc === false ? 'none' : dmarc.status.result,
      policy: dmarc === false ? 'none' : (dmarc.policy ?? 'none'),
      domain: dmarc === false ? '' : String(dmarc.status.header?.from ?? ''),
      skipped: dmarc === false ? result.dmarcSkipReason : undefined,
    },
    arcSealer: arcSealer(arc),
    reversePathAuthenticated: reversePath !== '' && (spfResult === 'pass' || signedByReversePath),
    results: infos.filter((info): info is string => typeof info === 'string' && info !== ''),
  };
}

/** Relaxed alignment of a reverse-path: its domain is the signer's, or below it. */
function isWithin(domain: string, signer: string): boolean {
  const wanted = signer.toLowerCase();
  return domain !== '' && (domain === wanted || domain.endsWith(`.${wanted}`));
}

function arcSealer(arc: AuthenticateResult['arc']): string | undefined {
  if (arc === false || arc.status.result !== 'pass' || arc.signature === undefined || arc.signature === false) return;
  const reported = arc.authenticationResults?.dmarc as { readonly result?: string } | undefined;
  return reported?.result === 'pass' ? arc.signature.signingDomain?.toLowerCase() : undefined;
}

/** mailauth's way to ask: records, or an error with node's code. Beyond the bound every answer is "not known". */
function boundedLookups(resolver: Resolver): (name: string, type: string) => Promise<string[]> {
  let left = MAX_QUESTIONS;
  return async (name, type) => {
    if (left-- <= 0) throw dnsError('ETIMEOUT', name);
    const answer = await resolver.query(name, type as RecordType);
    // TXT and MX records are lists and objects; the library's type knows text alone.
    if (answer.kind === 'found') return answer.records.map(copyOf) as string[];
    if (answer.kind === 'unknown') throw dnsError('ETIMEOUT', name);
    throw dnsError(answer.nameExists ? 'ENODATA' : 'ENOTFOUND', name);
  };
}

/** The library may change what it gets; the cache keeps its own. */
function copyOf(record: DnsRecord): DnsRecord {
  return typeof record === 'string' ? record : Array.isArray(record) ? [...record] : { ...record };
}

/** An error with node's code. Without a stack: several a message, and "no such record" is an answer like another. */
function dnsError(code: string, name: string): Error {
  const error: Error = Object.create(Error.prototype);
  return Object.assign(error, { code, message: `${code} ${name}` });
}

/** The message to verify: signatures beyond the limit are not shown to the verifier, the message itself keeps them. */
function withFewerSignatures({ content, headerBytes }: AuthenticationFacts): Buffer {
  const { fields } = readHeader(content, 0, headerBytes);
  if (findField(content, fields, 'dkim-signature') === undefined) return content;
  const surplus = fields.filter((field) => hasName(content, field, 'dkim-signature')).slice(MAX_SIGNATURES);
  if (surplus.length === 0) return content;
  const kept: Buffer[] = [];
  let from = 0;
  for (const { start, end } of surplus) {
    kept.push(content.subarray(from, start));
    from = end;
  }
  return Buffer.concat([...kept, content.subarray(from)]);
}
