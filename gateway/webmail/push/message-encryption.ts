import { createCipheriv, createECDH, hkdfSync } from 'node:crypto';

/** The receiver’s public key and secret, in octets (RFC 8291 §2). */
export interface ReceiverKeys {
  /** Uncompressed point on P-256: 65 octets. */
  readonly publicKey: Buffer;
  /** 16 octets. */
  readonly authSecret: Buffer;
}

/** What must be new for every message: 32 octets of a private key, 16 of salt. */
export interface MessageSecrets {
  readonly privateKey: Buffer;
  readonly salt: Buffer;
}

const RECORD_BYTES = 4_096;
const TAG_BYTES = 16;
/** RFC 8291 §4: what push services must take is a message of 4096 octets; header, delimiter and tag are in it. */
export const MAX_PLAIN_BYTES = RECORD_BYTES - 86 - 1 - TAG_BYTES;

/**
 * One message in one record (RFC 8291 §3.4 and §4, RFC 8188 §2).
 *
 * @throws when the key is no point on the curve, or the text is longer than {@link MAX_PLAIN_BYTES}
 */
export function encryptMessage(plain: Buffer, receiver: ReceiverKeys, { privateKey, salt }: MessageSecrets): Buffer {
  if (plain.length > MAX_PLAIN_BYTES) throw new RangeError(`more than ${MAX_PLAIN_BYTES} octets`);
  const own = createECDH('prime256v1');
  own.setPrivateKey(privateKey);
  const ownPublic = own.getPublicKey();
  const shared = own.computeSecret(receiver.publicKey);
  const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), receiver.publicKey, ownPublic]);
  const keyMaterial = derive(shared, receiver.authSecret, keyInfo, 32);
  const key = derive(keyMaterial, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
  const nonce = derive(keyMaterial, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  // The delimiter of the last record; no padding.
  const text = Buffer.concat([cipher.update(plain), cipher.update(Buffer.from([2])), cipher.final()]);
  const header = Buffer.alloc(21);
  salt.copy(header);
  header.writeUInt32BE(RECORD_BYTES, 16);
  header.writeUInt8(ownPublic.length, 20);
  return Buffer.concat([header, ownPublic, text, cipher.getAuthTag()]);
}

function derive(secret: Buffer, salt: Buffer, info: Buffer, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, bytes));
}
