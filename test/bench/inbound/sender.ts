import { generateKeyPairSync } from 'node:crypto';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { realisticMessage } from '../../corpus/corpus.ts';

/** A sender as they commonly are: SPF that passes, mail signed by DKIM, and DMARC that asks to refuse the rest. */
export interface BenchSender {
  /** What the tests' name server says of it. */
  readonly records: Readonly<Record<string, readonly string[]>>;
  /** A signed message of about so many octets. */
  message(octets: number): Promise<Buffer>;
}

/** Domain of MAIL FROM. */
const ENVELOPE_DOMAIN = 'src.example';
/** Domain of the corpus's authors. */
const AUTHOR_DOMAIN = 'example.net';

export function makeBenchSender(): BenchSender {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    records: {
      [`TXT ${ENVELOPE_DOMAIN}`]: ['v=spf1 ip4:127.0.0.0/8 -all'],
      [`A ${ENVELOPE_DOMAIN}`]: ['127.0.0.1'],
      [`TXT s1._domainkey.${AUTHOR_DOMAIN}`]: [`v=DKIM1; k=rsa; p=${publicKey.toString('base64')}`],
      [`TXT _dmarc.${AUTHOR_DOMAIN}`]: ['v=DMARC1; p=reject'],
    },
    async message(octets) {
      // The corpus's own signature verifies nowhere.
      const text = realisticMessage(octets).toString('latin1');
      const unsigned = text.replace(/^DKIM-Signature:.*\r\n(?:[\t ].*\r\n)*/m, '');
      const bytes = Buffer.from(unsigned, 'latin1');
      const key = { signingDomain: AUTHOR_DOMAIN, selector: 's1', privateKey };
      const { signatures, errors } = await dkimSign(bytes, { ...key, signatureData: [key] });
      if (signatures === '') throw new Error(`the message could not be signed: ${JSON.stringify(errors)}`);
      return Buffer.concat([Buffer.from(signatures), bytes]);
    },
  };
}
