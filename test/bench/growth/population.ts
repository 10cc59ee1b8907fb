import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Connection } from 'mysql2/promise';

export const PASSWORD = 'growth';
const BASE = 'o=hosting,dc=myhosting,dc=example';
const OF_A_DOMAIN = 1_000;
const AT_ONCE = 5_000;
const MAILBOXES: readonly (readonly [name: string, specialUse: string | null])[] = [
  ['INBOX', null],
  ['Drafts', '\\Drafts'],
  ['Sent', '\\Sent'],
  ['Junk', '\\Junk'],
  ['Trash', '\\Trash'],
  ['Archive', '\\Archive'],
];

export const addressOf = (n: number): string => `person${n}@${domainOf(n)}`;

const domainOf = (n: number): string => `growth${Math.floor(n / OF_A_DOMAIN)}.example`;
/** Directory and store have to agree on it (entryUUID). */
const uuidOf = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** LDIF for slapadd: a thousand people a domain. */
export function writePopulation(file: string, accounts: number): void {
  const out = openSync(file, 'w');
  const salt = Buffer.from('salt');
  const digest = createHash('sha1').update(PASSWORD).update(salt).digest();
  const hash = `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
  for (let n = 0; n < accounts; n++) {
    const domain = `jvd=${domainOf(n)},${BASE}`;
    if (n % OF_A_DOMAIN === 0)
      writeSync(out, `dn: ${domain}\nobjectClass: JammVirtualDomain\njvd: ${domainOf(n)}\naccountActive: TRUE\n\n`);
    writeSync(
      out,
      `dn: mail=${addressOf(n)},${domain}\nobjectClass: JammMailAccount\nmail: ${addressOf(n)}\ncn: Person ${n}\naccountActive: TRUE\nuserPassword: ${hash}\nentryUUID: ${uuidOf(n)}\n\n`,
    );
  }
  closeSync(out);
}

/** The same people in the store's tables, with the standard mailboxes, as if each had signed in once. The store must not run. */
export async function populateStore(sql: Connection, accounts: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < accounts; from += AT_ONCE) {
    const rows = Array.from({ length: Math.min(AT_ONCE, accounts - from) }, (_, i) => [
      ...[uuidOf(from + i), addressOf(from + i), 100, now],
    ]);
    await sql.query('INSERT INTO account (directory_uuid, address, next_uidvalidity, created_at) VALUES ?', [rows]);
  }
  for (const [i, [name, specialUse]] of MAILBOXES.entries()) {
    await sql.query(
      `INSERT INTO mailbox (owner_id, name, name_hash, uidvalidity, special_use, created_at)
       SELECT id, ?, UNHEX(SHA2(?, 256)), ?, ?, ? FROM account WHERE address LIKE 'person%'`,
      [name, name, 90 + i, specialUse, now],
    );
  }
}
