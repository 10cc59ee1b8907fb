import { createHash, randomBytes } from 'node:crypto';
import type { CredentialOutcome, CredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Account } from '@postern/shared/directory/directory.ts';
import { appPasswordName } from '@postern/shared/sign-in/app-password.ts';
import { acceptedTotpStep, readTotpSecret } from '@postern/shared/sign-in/totp.ts';
import type { Mailstore, StoredAccount } from '../mailstore/mailstore.ts';

/** Most app passwords of one account. */
const MAX_APP_PASSWORDS = 50;

export interface CredentialParts {
  readonly mailstore: Mailstore;
  readonly writer: CredentialWriter;
}

/** Whose, as the store and as the directory know it. */
export interface CredentialOwner {
  readonly account: StoredAccount;
  readonly entry: Account;
}

/** `refused`: nothing was changed, and `why` may be shown. */
export type CredentialChange =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unavailable'; readonly cause: string };

/**
 * Turns the second factor on: the new code proves that the authenticator holds the secret. The secret is kept before the marker is set,
 * so that nobody is locked out by half a change. Who asks was judged before, by password and old code.
 */
export async function turnSecondFactorOn(
  { mailstore, writer }: CredentialParts,
  { account, entry }: CredentialOwner,
  given: { readonly secret: string; readonly newCode: string },
): Promise<CredentialChange> {
  const secret = readTotpSecret(given.secret);
  if (secret === undefined) return { kind: 'refused', why: 'the secret is none, or too short' };
  const step = acceptedTotpStep(secret, given.newCode, Date.now(), 0);
  if (step === undefined) return { kind: 'refused', why: 'the code does not fit the new secret' };
  await mailstore.secondFactors.put(account.id, secret, step);
  const outcome = changeOf(await writer.markSecondFactor(entry, true));
  if (outcome.kind === 'refused' && entry.secondFactor !== true) await mailstore.secondFactors.remove(account.id);
  return outcome;
}

/** Turns it off: the marker first, which alone decides. */
export async function turnSecondFactorOff(
  { mailstore, writer }: CredentialParts,
  { account, entry }: CredentialOwner,
): Promise<CredentialChange> {
  const outcome = changeOf(await writer.markSecondFactor(entry, false));
  if (outcome.kind === 'done') await mailstore.secondFactors.remove(account.id);
  return outcome;
}

/** Makes the entry of an app password, and notes what is told of it. */
export async function addAppPassword(
  { mailstore, writer }: CredentialParts,
  { account, entry }: CredentialOwner,
  given: { readonly appPassword: string; readonly label: string; readonly services: readonly string[] },
): Promise<CredentialChange> {
  const name = appPasswordName(given.appPassword);
  if (name === undefined) return { kind: 'refused', why: 'not an app password' };
  const { label, services } = given;
  const known = await mailstore.appPasswords.list(account.id);
  if (known.length >= MAX_APP_PASSWORDS) return { kind: 'refused', why: 'too many app passwords' };
  const outcome = changeOf(
    await writer.addAppPassword(entry, { name, hashed: hashForDirectory(given.appPassword), label, services }),
  );
  if (outcome.kind === 'done') await mailstore.appPasswords.put(account.id, { name, label, services });
  return outcome;
}

/** Removes one; it opens nothing from then on. */
export async function removeAppPassword(
  { mailstore, writer }: CredentialParts,
  { account, entry }: CredentialOwner,
  name: string,
): Promise<CredentialChange> {
  if (!/^[a-z2-7]{8}$/.test(name)) return { kind: 'refused', why: 'not the name of an app password' };
  const outcome = changeOf(await writer.removeAppPassword(entry, name));
  if (outcome.kind === 'done') await mailstore.appPasswords.remove(account.id, name);
  return outcome;
}

/** RFC 3112's manner, in the one scheme that every directory verifies; 80 random bits need no slow hash. */
function hashForDirectory(password: string): string {
  const salt = randomBytes(8);
  const hash = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([hash, salt]).toString('base64')}`;
}

function changeOf(outcome: CredentialOutcome): CredentialChange {
  if (outcome.kind === 'unknown') return { kind: 'unavailable', cause: outcome.cause };
  return outcome.kind === 'done' ? outcome : { kind: 'refused', why: `the directory refuses: ${outcome.why}` };
}
