import type { Mailstore } from '../mailstore/mailstore.ts';
import type { SourceMailbox } from './source.ts';

/** Where a mailbox of the source goes. */
export interface ImportMailbox {
  readonly kind: 'mailbox';
  readonly id: number;
  readonly name: string;
}

/** The mailbox of the same name, made if need be; characters that no name here can have become `_`. */
export async function mailboxFor(
  mailstore: Mailstore,
  accountId: number,
  { name: given, specialUse }: SourceMailbox,
  prefix: string,
): Promise<ImportMailbox | { readonly kind: 'refused'; readonly why: string }> {
  const name = `${prefix}${given.replaceAll(/[%*\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '_')}`;
  let found = await mailstore.mailboxes.find(accountId, name);
  if (found === undefined) {
    const created = await mailstore.mailboxes.create(accountId, name);
    if (created.kind === 'invalid-name') return { kind: 'refused', why: `${name}: ${created.why}` };
    found = await mailstore.mailboxes.find(accountId, name);
    if (found === undefined) return { kind: 'refused', why: `${name}: ${created.kind}` };
  }
  if (prefix === '' && specialUse !== undefined && found.specialUse === undefined) {
    const list = await mailstore.mailboxes.list(accountId);
    const holder = list.find((mailbox) => mailbox.specialUse === specialUse);
    const [held] = holder === undefined ? [] : await mailstore.mailboxes.status([holder.id]);
    // The old server's "Sent Items" is where programs look; the standard mailbox gives way as long as nothing is in it.
    if (holder !== undefined && held?.messages === 0)
      await mailstore.mailboxes.setSpecialUse(accountId, holder.name, undefined);
    if (holder === undefined || held?.messages === 0)
      await mailstore.mailboxes.setSpecialUse(accountId, name, specialUse);
  }
  return { kind: 'mailbox', id: found.id, name };
}
