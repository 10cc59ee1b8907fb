import { createHash } from 'node:crypto';
import type { Account, Directory } from '@postern/shared/directory/directory.ts';
import type { TokenScope } from '@postern/shared/settings/token.ts';
import type { Mailstore, StoredAccount } from '../mailstore/mailstore.ts';

export type TokenAnswer =
  | { readonly kind: 'granted'; readonly account: StoredAccount; readonly entry: Account; readonly scope: TokenScope }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly cause: string };

/** The form in which the store knows a token. */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** What is asked of a token again and again: who holds it, and by which certificate. */
export interface HeldToken {
  readonly hash: Buffer;
  readonly certificateName: string;
}

/**
 * Judges tokens, many in one question: each must be known, not expired, used by the host that it was made for, and its
 * account must be there and active under the same directory entry, with the password that it was made under. A directory that is away gives `unknown`.
 *
 * @returns answers in the order of `held`
 */
export async function judgeTokens(
  mailstore: Mailstore,
  directory: Directory,
  held: readonly HeldToken[],
): Promise<TokenAnswer[]> {
  const known = await mailstore.tokens.find(held.map(({ hash }) => hash));
  return Promise.all(
    held.map(async ({ hash, certificateName }): Promise<TokenAnswer> => {
      const token = known.get(hash.toString('hex'));
      if (token === undefined) return { kind: 'refused', why: 'no such token' };
      if (token.certificateName !== certificateName) return { kind: 'refused', why: 'token of another host' };
      const answer = await directory.lookUp(token.account.address);
      if (answer.kind === 'unknown') return answer;
      if (answer.kind !== 'account' || answer.account.uuid !== token.account.uuid) {
        return { kind: 'refused', why: 'account is gone or inactive' };
      }
      const { services, passwordVersion } = answer.account;
      // What the directory does not tell (any more) takes nobody's token away.
      if (passwordVersion !== undefined && passwordVersion !== token.passwordVersion) {
        return { kind: 'refused', why: 'password changed since' };
      }
      if (services !== undefined && !services.includes('webmail')) return { kind: 'refused', why: 'no webmail' };
      return { kind: 'granted', account: token.account, entry: answer.account, scope: token.scope };
    }),
  );
}
