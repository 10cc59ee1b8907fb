import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { ApiTokenRecord } from '../mailstore/mailstore.ts';
import { type Acting, type AdministrationParts, note } from './acting.ts';
import { findDomain } from './find.ts';
import { readText } from './names.ts';
import { done, type Outcome, type Refused, refuse, refusedBy } from './outcome.ts';
import { domainDn, postmastersDn } from './tree.ts';

/** What a token may be limited to; the names stand at the routes of the API. */
export const ACTIONS = ['read', 'accounts', 'passwords', 'aliases', 'domain', 'import', 'delete'] as const;
export type Action = (typeof ACTIONS)[number];

export interface NewToken {
  readonly label: string;
  readonly domains: readonly string[];
  readonly actions: readonly Action[];
  readonly lifetimeDays: number;
}

const DAY_MS = 86_400_000;

/**
 * A token acts as an entry of its own in the directory (`cn=api-…` below its first domain), which is made a postmaster of each of its
 * domains by whoever makes the token: the directory itself keeps it to them. The entry's password is sealed by the token, which the
 * store does not keep: without the token nobody can act as it, the store included.
 */
export async function createToken(
  parts: AdministrationParts,
  acting: Acting,
  given: NewToken,
): Promise<Outcome<{ readonly id: string; readonly token: string }>> {
  const { baseDn } = parts.directory;
  const label = readText(given.label, 100);
  if (label === undefined || label === '') return refuse('invalid', 'A token has a name', 'label');
  const domains: string[] = [];
  for (const name of given.domains) {
    const found = await findDomain(parts, acting, name);
    if (found.kind !== 'done') return found;
    domains.push(found.value.name);
  }
  const [first] = domains;
  if (first === undefined) return refuse('invalid', 'A token has a domain at least', 'domains');
  const id = `api-${randomBytes(6).toString('hex')}`;
  const secret = randomBytes(32);
  const password = randomBytes(24).toString('base64url');
  const dn = `cn=${id},${domainDn(first, baseDn)}`;
  const refused = refusedBy(
    await acting.person.add(dn, {
      objectClass: ['applicationProcess', 'simpleSecurityObject'],
      cn: [id],
      description: [label],
      userPassword: [hashed(password)],
    }),
  );
  if (refused !== undefined) return refused;
  const granted: string[] = [];
  for (const domain of domains) {
    const notAllowed = refusedBy(
      await acting.person.change(postmastersDn(domain, baseDn), [
        { operation: 'add', attribute: 'roleOccupant', values: [dn] },
      ]),
    );
    if (notAllowed !== undefined) {
      await takeAway(parts, acting, dn, granted);
      return notAllowed;
    }
    granted.push(domain);
  }
  const token = `pst_${secret.toString('base64url')}`;
  const now = Date.now();
  await parts.mailstore.administration.putToken({
    id,
    hash: hashOf(token),
    label,
    dn,
    sealedPassword: seal(secret, password),
    domains,
    actions: given.actions,
    createdBy: acting.name,
    createdAtMs: now,
    expiresAtMs: now + given.lifetimeDays * DAY_MS,
    lastUsedAtMs: undefined,
  });
  for (const domain of domains) await note(parts, acting, { action: 'token-created', domain, target: label });
  return done({ id, token });
}

/** Tokens of domains that somebody administers. */
export async function listTokens(
  { mailstore }: AdministrationParts,
  domains: readonly string[] | 'all',
): Promise<ApiTokenRecord[]> {
  const tokens = await mailstore.administration.listTokens();
  return tokens.filter((token) => domains === 'all' || token.domains.every((domain) => domains.includes(domain)));
}

export async function removeToken(
  parts: AdministrationParts,
  acting: Acting,
  token: ApiTokenRecord,
): Promise<Outcome<null>> {
  const refused = await takeAway(parts, acting, token.dn, token.domains);
  if (refused !== undefined) return refused;
  await parts.mailstore.administration.removeToken(token.id);
  for (const domain of token.domains)
    await note(parts, acting, { action: 'token-removed', domain, target: token.label });
  return done(null);
}

/** The entry and password that a token stands for; undefined when it is none, or has expired. */
export async function openToken(
  { mailstore }: AdministrationParts,
  token: string,
): Promise<{ record: ApiTokenRecord; password: string } | undefined> {
  const secret = /^pst_([A-Za-z0-9_-]{43})$/.exec(token)?.[1];
  const record = secret === undefined ? undefined : await mailstore.administration.findToken(hashOf(token));
  if (secret === undefined || record === undefined) return undefined;
  return { record, password: unseal(Buffer.from(secret, 'base64url'), record.sealedPassword) };
}

async function takeAway(
  parts: AdministrationParts,
  acting: Acting,
  dn: string,
  domains: readonly string[],
): Promise<Refused | undefined> {
  for (const domain of domains) {
    const result = await acting.person.change(postmastersDn(domain, parts.directory.baseDn), [
      { operation: 'delete', attribute: 'roleOccupant', values: [dn] },
    ]);
    // It may be gone already, with the domain or by another hand.
    const refused = result.code === 16 || result.code === 32 ? undefined : refusedBy(result);
    if (refused !== undefined) return refused;
  }
  const result = await acting.person.remove(dn);
  return result.code === 32 ? undefined : refusedBy(result);
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

function keyOf(secret: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), 'postern api token', 32));
}

function seal(secret: Buffer, text: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function unseal(secret: Buffer, sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('utf8');
}

/** 192 random bits need no slow hash. */
function hashed(password: string): string {
  const salt = randomBytes(8);
  const digest = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
