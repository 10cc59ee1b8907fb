import { describe, expect, it } from 'vitest';
import { parseOauthBearer } from './oauthbearer.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64');

describe('OAUTHBEARER (RFC 7628 §3.1)', () => {
  it('reads the example of §4.1', () => {
    const message =
      'n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01';
    expect(parseOauthBearer(encode(message))).toEqual({
      authorizationId: 'user@example.com',
      token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==',
    });
  });

  it.each([
    ['no end', 'n,,\x01auth=Bearer x\x01'],
    ['channel binding, which there is none', 'p=tls,,\x01auth=Bearer x\x01\x01'],
    ['another scheme', 'n,,\x01auth=Basic x\x01\x01'],
    ['no token', 'n,,\x01auth=Bearer \x01\x01'],
    ['the lone ^A of a client that gives up', '\x01'],
  ])('refuses %s', (_, text) => {
    expect(parseOauthBearer(encode(text))).toBeUndefined();
  });
});
