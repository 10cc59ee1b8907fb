import type { FreshProof } from '@postern/shared/settings/second-factor.ts';
import type { CredentialChange } from '../sign-in/credentials.ts';
import type { CredentialDesk, SettingOutcome } from './setting.ts';

/** Lets a change happen only after password and code were judged anew. */
export async function proven(
  desk: CredentialDesk,
  proof: FreshProof,
  change: () => Promise<CredentialChange>,
): Promise<SettingOutcome> {
  const verdict = await desk.prove(proof);
  if (verdict === 'refused') return { kind: 'refused', code: 'AUTHENTICATIONFAILED', why: 'Wrong password or code' };
  return verdict === 'unavailable' ? unavailable() : outcomeOf(await change());
}

export function outcomeOf(change: CredentialChange): SettingOutcome {
  if (change.kind === 'unavailable') return unavailable();
  return change.kind === 'done' ? 'done' : { kind: 'refused', code: 'CANNOT', why: change.why };
}

const unavailable = (): SettingOutcome => ({ kind: 'refused', code: 'UNAVAILABLE', why: 'Not possible at the moment' });
