import { readJsonObject, type SettingEntry } from './entry.ts';

/** Proof of who asks, given anew with each change: docs/sign-in.md. */
export interface FreshProof {
  readonly password: string;
  /** Of the second factor that is on now; empty when there is none. */
  readonly code: string;
}

export type SecondFactorRequest = FreshProof &
  ({ readonly off: true } | { readonly off: false; readonly secret: string; readonly newCode: string });

/** Undefined when the value asks for no change. */
export function readSecondFactorRequest(value: Buffer): SecondFactorRequest | undefined {
  const json = readJsonObject(value) ?? {};
  const proof = readFreshProof(json);
  if (proof === undefined) return undefined;
  if (json.off === true) return { ...proof, off: true };
  const { secret, newCode } = json;
  if (typeof secret !== 'string' || typeof newCode !== 'string') return undefined;
  return { ...proof, off: false, secret, newCode };
}

export function readFreshProof({ password, code = '' }: Record<string, unknown>): FreshProof | undefined {
  return typeof password === 'string' && typeof code === 'string' ? { password, code } : undefined;
}

/** Turns the second factor on (with a secret of the client's making) or off; reading tells whether it is on. */
export const secondFactor: SettingEntry = {
  name: '/private/vendor/postern/second-factor',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 2048,
  check: (value) => (readSecondFactorRequest(value) === undefined ? 'not a request for a second factor' : undefined),
};
