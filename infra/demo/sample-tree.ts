import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Layout, PROJECT } from './layout.ts';
import { keepSecret, ssha } from './secrets.ts';

export const SUFFIX = 'dc=myhosting,dc=example';
export const BASE_DN = `o=hosting,${SUFFIX}`;
export const ADMIN_DN = `cn=admin,${SUFFIX}`;
/** What may change the tree, and the two tiers' own accounts, which look addresses up and have no other right. */
const SERVICES = ['admin', 'relay', 'store'] as const;

/** DN of a service's account. */
export function serviceDn(name: (typeof SERVICES)[number]): string {
  return `cn=${name},${SUFFIX}`;
}

/**
 * Makes the directory's data at the first start: the sample tree, with passwords of its own for the services in the place
 * of the published ones. Later starts leave it as it was changed meanwhile.
 *
 * @returns path of the LDIF file
 */
export function keepSampleTree(layout: Layout): string {
  const path = layout.at('directory', 'data.ldif');
  if (existsSync(path)) return path;
  let ldif = readFileSync(join(PROJECT, 'schema', 'ldap', 'sample.ldif'), 'utf8');
  for (const name of SERVICES) ldif = withPassword(ldif, serviceDn(name), keepSecret(layout, `ldap-${name}`));
  writeFileSync(`${path}.new`, ldif, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

/** Replaces the userPassword of one entry of an LDIF text (RFC 2849). Throws when the entry or its password is not there. */
export function withPassword(ldif: string, dn: string, password: string): string {
  const start = ldif.indexOf(`dn: ${dn}\n`);
  const end = start < 0 ? -1 : ldif.indexOf('\n\n', start);
  const entry = start < 0 ? '' : ldif.slice(start, end < 0 ? undefined : end);
  if (!/^userPassword:/m.test(entry)) throw new Error(`the sample tree has no password for ${dn}`);
  return ldif.replace(entry, entry.replace(/^userPassword:.*$/m, `userPassword: ${ssha(password)}`));
}
