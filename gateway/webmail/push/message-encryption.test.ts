import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encryptMessage, MAX_PLAIN_BYTES } from './message-encryption.ts';

const octets = (text: string): Buffer => Buffer.from(text, 'base64url');

test('RFC 8291 §5, Appendix A: the example', () => {
  const message = encryptMessage(
    Buffer.from('When I grow up, I want to be a watermelon'),
    {
      publicKey: octets('BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4'),
      authSecret: octets('BTBZMqHH6r4Tts7J_aSIgg'),
    },
    { privateKey: octets('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'), salt: octets('DGv6ra1nlYgDCS1FRnbzlw') },
  );
  expect(message.toString('base64url')).toBe(
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  );
});

test('what is encrypted can be read by the receiver, up to the longest', () => {
  const receiver = createECDH('prime256v1');
  receiver.generateKeys();
  const authSecret = randomBytes(16);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_PLAIN_BYTES }), (bytes) => {
      const own = createECDH('prime256v1');
      own.generateKeys();
      const secrets = { privateKey: own.getPrivateKey(), salt: randomBytes(16) };
      const keys = { publicKey: receiver.getPublicKey(), authSecret };
      const message = encryptMessage(Buffer.from(bytes), keys, secrets);
      expect(message.length).toBeLessThanOrEqual(4_096);
      const sender = message.subarray(21, 86);
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.publicKey, sender]);
      const material = Buffer.from(hkdfSync('sha256', receiver.computeSecret(sender), authSecret, info, 32));
      const derived = (name: string, size: number): Buffer =>
        Buffer.from(hkdfSync('sha256', material, secrets.salt, Buffer.from(`Content-Encoding: ${name}\0`), size));
      const cipher = createDecipheriv('aes-128-gcm', derived('aes128gcm', 16), derived('nonce', 12));
      cipher.setAuthTag(message.subarray(-16));
      const plain = Buffer.concat([cipher.update(message.subarray(86, -16)), cipher.final()]);
      expect(plain).toEqual(Buffer.concat([Buffer.from(bytes), Buffer.from([2])]));
    }),
    { numRuns: 30 },
  );
  const keys = { publicKey: receiver.getPublicKey(), authSecret };
  const secrets = { privateKey: receiver.getPrivateKey(), salt: randomBytes(16) };
  expect(() => encryptMessage(Buffer.alloc(MAX_PLAIN_BYTES + 1), keys, secrets)).toThrow(RangeError);
  expect(() => encryptMessage(Buffer.alloc(1), { ...keys, publicKey: Buffer.alloc(65, 4) }, secrets)).toThrow();
});
