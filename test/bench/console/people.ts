import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';

/** A tree of many people below the base of the sample: one large domain, and many of common size. */
export interface People {
  readonly accounts: number;
  readonly domains: number;
  /** A domain that holds half of all accounts, and an address in its middle. */
  readonly largeDomain: string;
  readonly someone: string;
  /** Administers the large domain; password below. */
  readonly postmaster: string;
}

export const PASSWORD = 'correct horse battery';
const BASE = 'o=hosting,dc=myhosting,dc=example';
const SMALL_DOMAIN = 1_000;
const FIRST = ['Anna', 'Bruno', 'Clara', 'David', 'Emma', 'Felix', 'Greta', 'Hugo', 'Ida', 'Jonas', 'Klara', 'Luca'];
const LAST = ['Meier', 'Schmidt', 'Durand', 'Keller', 'Novak', 'Rossi', 'Smith', 'Weber', 'Moreau', 'Huber', 'Lang'];

/** Writes the tree as LDIF for slapadd. */
export function writePeople(file: string, accounts: number): People {
  const out = openSync(file, 'w');
  const large = Math.floor(accounts / 2);
  const small = Math.ceil((accounts - large) / SMALL_DOMAIN);
  const sizes = [large, ...Array.from({ length: small }, () => SMALL_DOMAIN)];
  const hash = hashed(PASSWORD);
  let left = accounts;
  for (const [index, size] of sizes.entries()) {
    const name = domainName(index);
    const dn = `jvd=${name},${BASE}`;
    const boss = `mail=person0@${name},${dn}`;
    const lines = [
      ...entry(dn, ['objectClass: JammVirtualDomain', `jvd: ${name}`, 'accountActive: TRUE', 'editAccounts: TRUE']),
      ...entry(`cn=postmaster,${dn}`, ['objectClass: JammPostmaster', 'cn: postmaster', `roleOccupant: ${boss}`]),
    ];
    for (let n = 0; n < Math.min(size, left); n += 1) {
      lines.push(...account(n, name, dn, hash), ...(n % 10 === 0 ? alias(n, name, dn) : []));
    }
    left -= Math.min(size, left);
    writeSync(out, `${lines.join('\n')}\n`);
  }
  closeSync(out);
  const largeDomain = domainName(0);
  const someone = `person${Math.floor(large / 2)}@${largeDomain}`;
  return { accounts, domains: sizes.length, largeDomain, someone, postmaster: `person0@${largeDomain}` };
}

const domainName = (index: number): string => (index === 0 ? 'large.example' : `site${index}.example`);

function account(n: number, domain: string, domainDn: string, hash: string): string[] {
  const name = `${FIRST[n % FIRST.length]} ${LAST[Math.floor(n / FIRST.length) % LAST.length]} ${n}`;
  const address = `person${n}@${domain}`;
  return entry(`mail=${address},${domainDn}`, [
    'objectClass: JammMailAccount',
    `mail: ${address}`,
    `cn: ${name}`,
    'accountActive: TRUE',
    'quota: 1000000000S',
    `userPassword: ${hash}`,
  ]);
}

function alias(n: number, domain: string, domainDn: string): string[] {
  const address = `alias${n}@${domain}`;
  return entry(`mail=${address},${domainDn}`, [
    'objectClass: JammMailAlias',
    `mail: ${address}`,
    `maildrop: person${n}@${domain}`,
    'accountActive: TRUE',
  ]);
}

const entry = (dn: string, lines: readonly string[]): string[] => [`dn: ${dn}`, ...lines, ''];

function hashed(password: string): string {
  const salt = Buffer.from('salt');
  const digest = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
