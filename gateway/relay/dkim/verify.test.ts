import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readHeader } from '@postern/shared/message/header.ts';
import { dkimSign } from 'mailauth';
import { describe, expect, it } from 'vitest';
import { type DkimResult, DkimVerifier, type TxtAnswer } from './verify.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const short = generateKeyPairSync('rsa', { modulusLength: 768 });

const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64');
const raw = spki(ed25519.publicKey).slice(16);
const bare = rsa.publicKey.export({ type: 'pkcs1', format: 'der' }).toString('base64');

const RECORDS: Record<string, string> = {
  'rsa._domainkey.a.example': `v=DKIM1; k=rsa; p=${spki(rsa.publicKey)}`,
  'bare._domainkey.a.example': `p=${bare}`,
  'ed._domainkey.a.example': `v=DKIM1; k=ed25519; p=${raw}`,
  'short._domainkey.a.example': `v=DKIM1; p=${spki(short.publicKey)}`,
  'revoked._domainkey.a.example': 'v=DKIM1; p=',
  'web._domainkey.a.example': `v=DKIM1; s=tlsrpt; p=${spki(rsa.publicKey)}`,
  'strict._domainkey.a.example': `v=DKIM1; t=s; p=${spki(rsa.publicKey)}`,
  'sha1._domainkey.a.example': `v=DKIM1; h=sha1; p=${spki(rsa.publicKey)}`,
};

const lookUpText = async (name: string): Promise<TxtAnswer> => {
  const text = RECORDS[name];
  // A long record comes in several strings.
  if (text !== undefined) return { kind: 'found', records: [[text.slice(0, 200), text.slice(200)]] };
  return name.includes('away') ? { kind: 'unknown', cause: 'time-out' } : { kind: 'none' };
};

const MESSAGE = [
  'From: A <a@a.example>',
  'To: b@b.example',
  'Subject:  two   words',
  '\tfolded',
  '',
  'Text  with blanks \t ',
  '',
  'and more',
  '',
  '',
  '',
].join('\r\n');

async function verified(text: string): Promise<DkimResult[]> {
  const content = Buffer.from(text, 'latin1');
  const header = readHeader(content, 0, content.length);
  return new DkimVerifier().verify({ content, ...header }, { maxSignatures: 12, now: new Date(), lookUpText });
}

/** Signs with the library, which shares no code with the verifier. */
async function signed(selector: string, key: KeyObject, options: object = {}, text = MESSAGE): Promise<string> {
  const privateKey = key.export({ type: 'pkcs8', format: 'pem' }) as string;
  const signer = { signingDomain: 'a.example', selector, privateKey, ...options };
  const { signatures } = await dkimSign(text, { ...signer, signatureData: [signer] });
  return signatures + text;
}

/** Signs by hand what the library would not: the header field as given, with simple canonicalization. */
function signedByHand(tags: string, fields: readonly string[] = ['From: A <a@a.example>\r\n']): string {
  const body = MESSAGE.slice(MESSAGE.indexOf('\r\n\r\n') + 4);
  const hash = createHash('sha256')
    .update(body.replace(/(?:\r\n)+$/, '\r\n'))
    .digest('base64');
  const field = `DKIM-Signature: ${tags.replace('BH', hash)}; b=`;
  const signature = sign('sha256', Buffer.from(fields.join('') + field), rsa.privateKey).toString('base64');
  return `${field}${signature}\r\n${MESSAGE}`;
}

const results = async (text: string): Promise<string[]> =>
  (await verified(text)).map(({ result, comment }) => (comment === undefined ? result : `${result}: ${comment}`));

describe('a DKIM signature', () => {
  it.each(['simple/simple', 'simple/relaxed', 'relaxed/simple', 'relaxed/relaxed'])('of %s passes', async (form) => {
    const text = await signed('rsa', rsa.privateKey, { canonicalization: form });
    expect(await results(text)).toEqual(['pass']);
    expect(await results(text.replace('and more', 'and mare'))).toEqual(['fail: body hash did not verify']);
    expect(await results(text.replace('words\r\n', 'wards\r\n'))).toEqual(['fail: bad signature']);
  });

  it('in relaxed form survives other blanks and folds, in simple form not', async () => {
    const changed = (text: string): string =>
      text.replace('To: b', 'To:   b').replace('with blanks \t ', 'with\tblanks');
    expect(
      await results(changed(await signed('rsa', rsa.privateKey, { canonicalization: 'relaxed/relaxed' }))),
    ).toEqual(['pass']);
    expect(await results(changed(await signed('rsa', rsa.privateKey, { canonicalization: 'simple/relaxed' })))).toEqual(
      ['fail: bad signature'],
    );
  });

  it('passes by a bare RSA key and by Ed25519 (RFC 8463)', async () => {
    expect(await results(await signed('bare', rsa.privateKey))).toEqual(['pass']);
    expect(await results(await signed('ed', ed25519.privateKey))).toEqual(['pass']);
  });

  it.each([
    ['short', short.privateKey, 'policy: weak key'],
    ['revoked', rsa.privateKey, 'neutral: key revoked'],
    ['web', rsa.privateKey, 'neutral: key is not for email'],
    ['sha1', rsa.privateKey, 'neutral: inappropriate hash algorithm'],
    ['gone', rsa.privateKey, 'neutral: no key'],
    ['away', rsa.privateKey, 'temperror: DNS failure'],
    ['ed', rsa.privateKey, 'neutral: inappropriate key algorithm'],
  ])('whose key %s cannot be used says why', async (selector, key, expected) => {
    expect(await results(await signed(selector, key))).toEqual([expected]);
  });

  it('of a part of the body says how much is not signed', async () => {
    const text = await signed('rsa', rsa.privateKey, { canonicalization: 'relaxed/simple', maxBodyLength: 10 });
    const [result] = await verified(`${text}and an advertisement\r\n`);
    expect(result).toMatchObject({
      result: 'pass',
      unsignedOctets: text.length - text.indexOf('Text') - 10 + 22,
    });
  });

  const TAGS = 'v=1; a=rsa-sha256; d=a.example; s=rsa; h=from; bh=BH';
  it.each([
    [TAGS, 'pass'],
    [`${TAGS}; x=1; t=0`, 'neutral: expired'],
    [`${TAGS}; x=1; t=2`, 'neutral: signature expires before it was made'],
    [`${TAGS}; d=b.example`, 'neutral: signature syntax error'],
    [`${TAGS}; i=@b.example`, 'neutral: domain mismatch'],
    [`${TAGS}; i=x@sub.a.example`, 'pass'],
    [`${TAGS.replace('s=rsa', 's=strict')}; i=x@sub.a.example`, 'neutral: domain mismatch'],
    [`${TAGS}; l=100000`, 'fail: body is shorter than what was signed'],
    [`${TAGS}; q=http`, 'neutral: unsupported query method'],
    [`${TAGS}; c=other`, 'neutral: unknown canonicalization'],
    [TAGS.replace('v=1', 'v=2'), 'neutral: incompatible version'],
    [TAGS.replace('rsa-sha256', 'rsa-sha1'), 'policy: weak algorithm'],
    [TAGS.replace('h=from', 'h=to'), 'permerror: From field not signed'],
    [TAGS.replace('h=from; ', ''), 'permerror: signature missing required tag'],
    ['not a list', 'neutral: signature syntax error'],
  ])('%s: %s', async (tags, expected) => {
    expect(await results(signedByHand(tags))).toEqual([expected]);
  });

  it('covers the lowest of several fields of a name first, and fields that are not there', async () => {
    const lower = 'From: A <a@a.example>\r\n';
    const text = signedByHand(TAGS.replace('h=from', 'h=from:from:x-none'));
    expect(await results(text)).toEqual(['pass']);
    // RFC 6376 §8.15: a field added above is one that was signed as absent.
    expect(await results(text.replace(lower, `From: Evil <evil@b.example>\r\n${lower}`))).toEqual([
      'fail: bad signature',
    ]);
    expect(await results(signedByHand(TAGS).replace(lower, `From: Evil <evil@b.example>\r\n${lower}`))).toEqual([
      'pass',
    ]);
  });

  it('that names tens of thousands of fields costs no more than reading them', async () => {
    const header = Array.from({ length: 9_000 }, (_, i) => `X-${i}: y\r\n`).join('');
    const names = Array.from({ length: 20_000 }, (_, i) => `x-${i % 9_000}`).join(':');
    const text = `DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=rsa; h=from:${names}; bh=AAAA; b=AAAA\r\n`.repeat(
      12,
    );
    // Looking each name up in each field would take longer than a test may.
    expect(new Set(await results(text + header + MESSAGE))).toEqual(new Set(['fail: body hash did not verify']));
  });

  it('that covers a huge header is verified, but not many of them', async () => {
    const huge = MESSAGE.replace('two   words', `${'word '.repeat(180)}\r\n `.repeat(450));
    let text = huge;
    for (let i = 0; i < 3; i++) text = await signed('rsa', rsa.privateKey, {}, text);
    expect(await results(text)).toEqual(['pass', 'pass', 'policy: too many signed header octets']);
  });

  it('of one message is verified beside the others, up to the limit', async () => {
    const text = await signed('ed', ed25519.privateKey, {}, await signed('rsa', rsa.privateKey));
    expect(await results(text)).toEqual(['pass', 'pass']);
    const content = Buffer.from(text);
    const message = { content, ...readHeader(content, 0, content.length) };
    const limited = await new DkimVerifier().verify(message, { maxSignatures: 1, now: new Date(), lookUpText });
    expect(limited.map(({ algorithm }) => algorithm)).toEqual(['ed25519-sha256']);
  });
});
