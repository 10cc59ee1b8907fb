import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import type { Purged } from '../mailstore/mailstore.ts';
import { endTokens } from './accounts.ts';
import { type Acting, type AdministrationParts, differencesOf, note } from './acting.ts';
import { findAccount, findDomain } from './find.ts';
import { allEntries } from './lists.ts';
import { domainOf } from './names.ts';
import { done, type Outcome, refuse, refusedBy } from './outcome.ts';
import { anyOf, equals, isA, readAccountEntry } from './tree.ts';

/** Deleting is in two steps: a mark, which refuses mail and sign-in at once and can be undone, and later a purge, which cannot. */

export interface MarkedDeletion {
  readonly purgeAfterMs: number;
}

export type Kind = 'account' | 'domain';

export async function markDeleted(
  parts: AdministrationParts,
  acting: Acting,
  kind: Kind,
  name: string,
): Promise<Outcome<MarkedDeletion>> {
  const found = await find(parts, acting, kind, name);
  if (found.kind !== 'done') return found;
  const { dn, uuid, label, domain } = found.value;
  if (comparableDn(dn) === comparableDn(acting.person.dn)) return refuse('state', 'Nobody deletes themselves');
  const refused = refusedBy(
    await acting.person.change(dn, [{ operation: 'replace', attribute: 'delete', values: ['TRUE'] }]),
  );
  if (refused !== undefined) return refused;
  const deletedAtMs = Date.now();
  const purgeAfterMs = deletedAtMs + parts.graceMs;
  await parts.mailstore.administration.markDeleted({
    address: label,
    domain,
    kind,
    directoryUuid: uuid,
    actor: acting.name,
    deletedAtMs,
    purgeAfterMs,
  });
  if (kind === 'account') await endTokens(parts, label);
  await note(parts, acting, { action: `${kind}-deleted`, domain, target: label });
  return done({ purgeAfterMs });
}

export async function undoDeletion(
  parts: AdministrationParts,
  acting: Acting,
  kind: Kind,
  name: string,
): Promise<Outcome<null>> {
  const found = await find(parts, acting, kind, name);
  if (found.kind !== 'done') return found;
  const { dn, uuid, label, domain, deleted } = found.value;
  if (!deleted) return refuse('state', 'It is not marked for deletion');
  const refused = refusedBy(
    await acting.person.change(dn, [{ operation: 'replace', attribute: 'delete', values: [] }]),
  );
  if (refused !== undefined) return refused;
  await parts.mailstore.administration.forgetDeletion(uuid);
  await note(parts, acting, { action: `${kind}-restored`, domain, target: label });
  return done(null);
}

/**
 * Removes the entry, all below it, and the mail, for good; only what was marked before, and within the grace period only when that
 * is asked for. The entry goes first: from then on nobody delivers to it or signs in.
 */
export async function purge(
  parts: AdministrationParts,
  acting: Acting,
  kind: Kind,
  name: string,
  { evenWithinGrace }: { readonly evenWithinGrace: boolean },
): Promise<Outcome<Purged & { readonly accounts: number }>> {
  const found = await find(parts, acting, kind, name);
  if (found.kind !== 'done') return found;
  const { dn, uuid, label, domain, deleted } = found.value;
  const { administration } = parts.mailstore;
  if (!deleted) return refuse('state', 'Mark it for deletion first');
  const deletion = await administration.findDeletion(uuid);
  if (!evenWithinGrace && deletion !== undefined && deletion.purgeAfterMs > Date.now()) {
    return refuse('state', 'It can be undone until {time}', undefined, {
      time: new Date(deletion.purgeAfterMs).toISOString(),
    });
  }
  const filter = anyOf(
    ...['JammMailAccount', 'JammMailAlias', 'JammPostmaster', 'applicationProcess'].map((name) =>
      equals('objectClass', name),
    ),
  );
  const below = await allEntries(acting, { baseDn: dn, filter });
  const accounts = below.filter((entry) => isA(entry, 'JammMailAccount')).map(readAccountEntry);
  // Children go before those above them; who administers goes last, for it gives the right to remove the others.
  const depth = (each: string): number => each.split(/(?<!\\),/).length;
  const order = (each: { readonly dn: string }): number =>
    depth(each.dn) * 2 - (/^cn=postmaster,/i.test(each.dn) ? 1 : 0);
  const entries = below
    .filter((entry) => comparableDn(entry.dn) !== comparableDn(dn))
    .sort((a, b) => order(b) - order(a));
  for (const entry of [...entries, { dn }]) {
    const refused = refusedBy(await acting.person.remove(entry.dn));
    if (refused !== undefined && refused.kind !== 'not-found') return refused;
  }
  let total: Purged = { mailboxes: 0, messages: 0, bytes: 0 };
  for (const account of accounts) {
    const purged = await administration.purge(account.uuid);
    await administration.forgetDeletion(account.uuid);
    if (purged === undefined) continue;
    total = {
      mailboxes: total.mailboxes + purged.mailboxes,
      messages: total.messages + purged.messages,
      bytes: total.bytes + purged.bytes,
    };
  }
  await administration.forgetDeletion(uuid);
  const differences = differencesOf({ messages: total.messages, octets: total.bytes }, { messages: 0, octets: 0 });
  await note(parts, acting, { action: `${kind}-purged`, domain, target: label, differences });
  return done({ ...total, accounts: accounts.length });
}

async function find(parts: AdministrationParts, acting: Acting, kind: Kind, name: string) {
  if (kind === 'domain') {
    const found = await findDomain(parts, acting, name);
    if (found.kind !== 'done') return found;
    const { dn, uuid, deleted, name: label } = found.value;
    return done({ dn, uuid, deleted, label, domain: label });
  }
  const found = await findAccount(parts, acting, name);
  if (found.kind !== 'done') return found;
  const { dn, uuid, deleted, address: label } = found.value;
  return done({ dn, uuid, deleted, label, domain: domainOf(label) });
}
