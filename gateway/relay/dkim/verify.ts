import { createHash, verify } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { domainToASCII } from 'node:url';
import { type FieldRange, fieldValue, hasName } from '@postern/shared/message/header.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type Canonicalization, canonicalBody, canonicalField, canonicalSignatureField } from './canonical.ts';
import { type DkimKey, type KeyRecord, readKeyRecord } from './key-record.ts';
import { type DkimSignature, readSignature, type UnusableSignature } from './signature.ts';

/** What one DKIM-Signature field is worth (RFC 8601 §2.7.1). */
export interface DkimResult {
  readonly result: 'pass' | 'fail' | 'neutral' | 'policy' | 'permerror' | 'temperror';
  readonly comment: string | undefined;
  readonly domain: string | undefined;
  readonly selector: string | undefined;
  readonly algorithm: string | undefined;
  readonly signature: string | undefined;
  /** Octets of the body that a passing signature leaves unsigned (`l=`). */
  readonly unsignedOctets: number;
}

/** A message with its header read. */
export interface SignedMessage {
  readonly content: Buffer;
  readonly fields: readonly FieldRange[];
  readonly bodyStart: number;
}

/** TXT records of a name, each in its strings. `none`: there is none for sure; `unknown`: no answer (invariant 4). */
export type TxtAnswer =
  | { readonly kind: 'found'; readonly records: readonly (readonly string[])[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly cause: string };

/** RFC 8301 §3.2: shorter keys must not be trusted. */
const MIN_RSA_BITS = 1_024;
/** Length of the longest key record that is kept; an RSA key of 8,192 bits takes 1,500. */
const MAX_KEPT_RECORD = 4_096;
/** Octets of header fields that all signatures of a message may cover together. */
const MAX_SIGNED_HEADER_BYTES = 1_048_576;
/** Octets that are hashed before others have a turn. */
const TURN_BYTES = 1_048_576;

/** How a message is verified. */
export interface VerifyOptions {
  /** DKIM-Signature fields beyond this number, from the top, are left alone (RFC 6376 §6.1). */
  readonly maxSignatures: number;
  readonly now: Date;
  /** Asks the DNS for TXT records; never rejects. */
  lookUpText(name: string): Promise<TxtAnswer>;
}

/** Verifies DKIM signatures (RFC 6376 §6.1, RFC 8301, RFC 8463). Keys that were read once are kept, by the text of their record. */
export class DkimVerifier {
  readonly #keys = new BoundedMap<string, KeyRecord>(2_000);

  /** One result for each DKIM-Signature field, from the top. */
  async verify(message: SignedMessage, options: VerifyOptions): Promise<DkimResult[]> {
    const { content, fields } = message;
    const signatures = fields.filter((field) => hasName(content, field, 'dkim-signature'));
    if (signatures.length === 0) return [];
    const bodies = new BodyHashes(message);
    const named = new FieldsByName(message);
    const budget = { octets: MAX_SIGNED_HEADER_BYTES };
    return Promise.all(
      signatures.slice(0, options.maxSignatures).map(async (field) => {
        const signature = readSignature(fieldValue(content, field));
        if ('why' in signature) return resultOf(signature, signature.result, signature.why);
        if (signature.expiresAt !== undefined && signature.expiresAt < options.now) {
          return resultOf(signature, 'neutral', 'expired');
        }
        const [body, key] = await Promise.all([bodies.hash(signature), this.#key(signature, options)]);
        return judge(signature, body, key, () => signedHeader(content, named, field, signature, budget));
      }),
    );
  }

  async #key({ selector, domain }: DkimSignature, options: VerifyOptions): Promise<DkimKey | NoKey> {
    const answer = await options.lookUpText(`${asciiName(selector)}._domainkey.${asciiName(domain)}`);
    if (answer.kind === 'unknown') return { result: 'temperror', why: 'DNS failure' };
    // RFC 6376 §3.6.2.2: with several records the result is undefined; the first is taken.
    const text = answer.kind === 'found' ? answer.records[0]?.join('') : undefined;
    if (text === undefined) return { result: 'neutral', why: 'no key' };
    const known = this.#keys.get(text);
    const record = known ?? readKeyRecord(text);
    if (known === undefined && text.length <= MAX_KEPT_RECORD) this.#keys.set(text, record);
    return 'unusable' in record ? { result: 'neutral', why: record.unusable } : record;
  }
}

interface NoKey {
  readonly result: 'neutral' | 'temperror';
  readonly why: string;
}

/** RFC 6376 §6.1.2, §6.1.3. */
function judge(
  signature: DkimSignature,
  body: BodyHash,
  key: DkimKey | NoKey,
  header: () => string | undefined,
): DkimResult {
  if (signature.bodyOctets !== undefined && signature.bodyOctets > body.octets) {
    return resultOf(signature, 'fail', 'body is shorter than what was signed');
  }
  if (body.hash !== signature.bodyHash) return resultOf(signature, 'fail', 'body hash did not verify');
  if ('result' in key) return resultOf(signature, key.result, key.why);
  if (key.sameDomainOnly && signature.identityDomain !== signature.domain.toLowerCase()) {
    return resultOf(signature, 'neutral', 'domain mismatch');
  }
  if (signature.algorithm !== `${key.type}-sha256`)
    return resultOf(signature, 'neutral', 'inappropriate key algorithm');
  if (key.bits !== undefined && key.bits < MIN_RSA_BITS) return resultOf(signature, 'policy', 'weak key');
  const text = header();
  if (text === undefined) return resultOf(signature, 'policy', 'too many signed header octets');
  const signed = Buffer.from(text, 'latin1');
  const octets = Buffer.from(signature.signature, 'base64');
  // RFC 8463 §3: Ed25519 signs the SHA-256 of the header, not the header.
  const passes =
    key.type === 'rsa'
      ? verify('sha256', signed, key.key, octets)
      : verify(null, createHash('sha256').update(signed).digest(), key.key, octets);
  if (!passes) return resultOf(signature, 'fail', 'bad signature');
  const unsignedOctets = signature.bodyOctets === undefined ? 0 : body.octets - signature.bodyOctets;
  return { ...resultOf(signature, 'pass'), unsignedOctets };
}

/**
 * RFC 6376 §5.4.2: the signed fields, of several with one name the lowest first; then the signature's own field. Undefined when the signatures of
 * one message want more than the budget: each reads its fields anew.
 */
function signedHeader(
  content: Buffer,
  named: FieldsByName,
  own: FieldRange,
  signature: DkimSignature,
  budget: { octets: number },
): string | undefined {
  const used = new Map<string, number>();
  let header = '';
  for (const name of signature.signedFields) {
    const before = used.get(name) ?? 0;
    used.set(name, before + 1);
    const field = named.fromBelow(name, before);
    // RFC 6376 §3.5 `h=`: a field that is not there is the empty string.
    if (field === undefined) continue;
    budget.octets -= field.end - field.start;
    if (budget.octets < 0) return undefined;
    header += canonicalField(content, field, signature.headerForm);
  }
  return header + canonicalSignatureField(content, own, signature.headerForm);
}

/** The fields of a header by their names: a signature may name thousands. */
class FieldsByName {
  readonly #fields = new Map<string, FieldRange[]>();

  constructor({ content, fields }: SignedMessage) {
    for (const field of fields) {
      const name = content.toString('latin1', field.start, field.nameEnd).toLowerCase();
      const same = this.#fields.get(name);
      if (same === undefined) this.#fields.set(name, [field]);
      else same.push(field);
    }
  }

  /** The field of this name that has `n` others of it below. */
  fromBelow(name: string, n: number): FieldRange | undefined {
    return this.#fields.get(name)?.at(-1 - n);
  }
}

interface BodyHash {
  readonly hash: string;
  /** Of the whole canonical body. */
  readonly octets: number;
}

/** Hashes of a message's body, each made once however many signatures need it. */
class BodyHashes {
  readonly #message: SignedMessage;
  readonly #made = new Map<string, Promise<BodyHash>>();

  constructor(message: SignedMessage) {
    this.#message = message;
  }

  hash({ bodyForm, bodyOctets }: DkimSignature): Promise<BodyHash> {
    const key = `${bodyForm} ${bodyOctets ?? ''}`;
    const made = this.#made.get(key) ?? hashBody(this.#message, bodyForm, bodyOctets ?? Number.POSITIVE_INFINITY);
    this.#made.set(key, made);
    return made;
  }
}

async function hashBody(
  { content, bodyStart }: SignedMessage,
  form: Canonicalization,
  limit: number,
): Promise<BodyHash> {
  const hash = createHash('sha256');
  let octets = 0;
  let turn = TURN_BYTES;
  for (const piece of canonicalBody(content, bodyStart, form)) {
    if (octets < limit) hash.update(octets + piece.length > limit ? piece.subarray(0, limit - octets) : piece);
    octets += piece.length;
    if (octets > turn) {
      turn += TURN_BYTES;
      await nextTurn();
    }
  }
  return { hash: hash.digest('base64'), octets };
}

function resultOf(
  { domain, selector, algorithm, signature }: DkimSignature | UnusableSignature,
  result: DkimResult['result'],
  comment?: string,
): DkimResult {
  return { result, comment, domain, selector, algorithm, signature, unsignedOctets: 0 };
}

/** RFC 8616 §3: U-labels are asked for as A-labels. A header's bytes beyond US-ASCII are UTF-8. */
function asciiName(name: string): string {
  if (/^[\w.-]+$/.test(name)) return name;
  return domainToASCII(Buffer.from(name, 'latin1').toString('utf8'));
}
