import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { fieldValue, findField, readHeader } from '@postern/shared/message/header.ts';
import { sealMessage } from 'mailauth';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { inTurns, isFitForLibrary } from '../dkim/library-input.ts';
import type { OutboundSettings } from './settings.ts';

interface SigningKey {
  readonly selector: string;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
  readonly pem: string;
}

export interface Signer {
  /** DKIM-Signature fields for a message, each ended by CRLF; '' where its author's domain has no key, or its header is out of bounds. */
  sign(content: readonly Buffer[]): Promise<string>;
}

/** RFC 8301 §3.2. */
const MIN_RSA_BITS = 1_024;

/**
 * Reads the keys. Throws with the file's name when one is unreadable or of another kind: no service starts without.
 *
 * Signs as RFC 6376 §3.5 and §5.4 say, one signature for each key (RFC 8463 §3: RSA beside Ed25519 for those who know it not).
 */
export function openSigner(dkim: OutboundSettings['dkim']): Signer {
  const domains = new Map(
    Object.entries(dkim).map(([domain, keys]) => [
      domain.toLowerCase(),
      keys.map(({ selector, key }) => readKey(selector, key)),
    ]),
  );
  return {
    async sign(content) {
      if (domains.size === 0) return '';
      const message = Buffer.concat(content);
      const found = keysFor(domains, authorDomain(message));
      if (found === undefined || !isReadable(message)) return '';
      const signatureData = found.keys.map(({ selector, algorithm, pem }) => ({
        signingDomain: found.domain,
        selector,
        privateKey: pem,
        algorithm,
      }));
      const [first] = signatureData;
      if (first === undefined) return '';
      const signTime = new Date();
      const { signatures, errors } = await dkimSign(inTurns(message), {
        ...first,
        canonicalization: 'relaxed/relaxed',
        signTime,
        signatureData,
      });
      const [error] = errors;
      if (error !== undefined) throw new Error(`DKIM: ${error.signingDomain} ${error.selector}: ${error.err.message}`);
      return signatures;
    },
  };
}

/** Seals forwarded mail: what was found out here, under our name (RFC 8617 §5.1). */
export function openSealer(arc: OutboundSettings['arc']) {
  const key = arc === undefined ? undefined : readKey(arc.selector, arc.key);
  return async (
    content: Buffer,
    found: { readonly results: string; readonly chain: 'none' | 'pass' | 'fail' },
  ): Promise<Buffer> => {
    // RFC 8617 §5.1.2: a chain that failed stays failed, and another seal would say nothing.
    if (arc === undefined || key === undefined || found.chain === 'fail' || !isReadable(content))
      return Buffer.alloc(0);
    return await sealMessage(inTurns(content), {
      signingDomain: arc.domain,
      selector: arc.selector,
      privateKey: key.pem,
      algorithm: key.algorithm,
      authResults: found.results,
      cv: found.chain,
    });
  };
}

function isReadable(message: Buffer): boolean {
  return isFitForLibrary(message, readHeader(message, 0, message.length).bodyStart);
}

function readKey(selector: string, path: string): SigningKey {
  const pem = readFileSync(path, 'utf8');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${path}: no private key: ${(error as Error).message}`);
  }
  if (key.asymmetricKeyType === 'ed25519') return { selector, algorithm: 'ed25519-sha256', pem };
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MIN_RSA_BITS) {
    throw new Error(`${path}: an RSA key of ${MIN_RSA_BITS} bits or more, or an Ed25519 key, is needed`);
  }
  return { selector, algorithm: 'rsa-sha256', pem };
}

/** The keys of a domain, or of the nearest one above it. */
function keysFor(domains: ReadonlyMap<string, readonly SigningKey[]>, author: string | undefined) {
  for (let domain = author; domain !== undefined && domain !== ''; domain = parentOf(domain)) {
    const keys = domains.get(domain);
    if (keys !== undefined) return { domain, keys };
  }
  return undefined;
}

/** RFC 6376 §5.1: who signs is who answers for the author; of several authors, the first one's domain. */
function authorDomain(message: Buffer): string | undefined {
  const { fields } = readHeader(message, 0, message.length);
  const from = findField(message, fields, 'from');
  if (from === undefined) return undefined;
  const [first] = mailboxesOf(parseAddressList(fieldValue(message, from, 8_192)));
  return first?.domain.toLowerCase();
}

function parentOf(domain: string): string | undefined {
  const dot = domain.indexOf('.');
  return dot < 0 ? undefined : domain.slice(dot + 1);
}
