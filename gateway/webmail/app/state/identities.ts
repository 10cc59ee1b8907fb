import { signal } from '@preact/signals';
import { call } from '../jmap/request.ts';
import type { Address, GetAnswer, SetAnswer } from '../jmap/types.ts';

/** RFC 8621 §6. */
export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly replyTo: readonly Address[] | null;
  readonly bcc: readonly Address[] | null;
  readonly textSignature: string;
  readonly htmlSignature: string;
  readonly mayDelete: boolean;
}

export type IdentityChange = Partial<Omit<Identity, 'id' | 'mayDelete'>>;

/** The account's own address first. Empty until {@link loadIdentities}. */
export const identities = signal<readonly Identity[]>([]);

/** @throws RequestFailed, MethodFailed */
export async function loadIdentities(): Promise<readonly Identity[]> {
  identities.value = (await call<GetAnswer<Identity>>('Identity/get', { ids: null })).list;
  return identities.value;
}

/** Creates, changes or removes one. @throws Error with the server's words */
export async function setIdentity(
  what:
    | { readonly create: IdentityChange }
    | { readonly id: string; readonly update: IdentityChange }
    | { readonly destroy: string },
): Promise<void> {
  const answer = await call<SetAnswer>(
    'Identity/set',
    'create' in what
      ? { create: { new: what.create } }
      : 'destroy' in what
        ? { destroy: [what.destroy] }
        : { update: { [what.id]: what.update } },
  );
  const refused = Object.values({ ...answer.notCreated, ...answer.notUpdated, ...answer.notDestroyed })[0];
  if (refused !== undefined) throw new Error(refused.description ?? refused.type);
  await loadIdentities();
}
