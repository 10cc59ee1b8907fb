/** Signs of base32 (RFC 4648 §6), five random bits each. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function randomSigns(count: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(count)), (octet) => BASE32[octet & 31]).join('');
}

/** `app-NAME-AAAA-BBBB-CCCC-DDDD` (docs/sign-in.md): 80 random bits under a random name. */
export function makeAppPassword(): { readonly name: string; readonly password: string } {
  const name = randomSigns(8).toLowerCase();
  const groups = Array.from({ length: 4 }, () => randomSigns(4).toLowerCase());
  return { name, password: `app-${name}-${groups.join('-')}` };
}

/** A secret of 160 bits, and what an authenticator reads of a QR code. */
export function makeFactor(user: string): { readonly secret: string; readonly uri: string } {
  const secret = randomSigns(32);
  const label = encodeURIComponent(`Postern:${user}`);
  return { secret, uri: `otpauth://totp/${label}?secret=${secret}&issuer=Postern` };
}
