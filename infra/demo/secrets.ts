import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Layout } from './layout.ts';

/** Reads a secret of the stack, made at random at the first start. The file is for its owner alone. */
export function keepSecret(layout: Layout, name: string): string {
  const path = layout.at('secrets', name);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const secret = randomBytes(18).toString('base64url');
  writeSecret(layout, name, secret);
  return secret;
}

/** Writes a secret that comes from elsewhere, e.g. DATABASE_URL, so that settings can name a file. */
export function writeSecret(layout: Layout, name: string, secret: string): void {
  const path = layout.at('secrets', name);
  writeFileSync(`${path}.new`, `${secret}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** A password as a directory keeps it: `{SSHA}`, salted SHA-1, which every LDAP server verifies. */
export function ssha(password: string, salt = randomBytes(8)): string {
  const digest = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
