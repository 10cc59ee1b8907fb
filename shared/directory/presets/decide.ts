import type { AddressRefusal } from '../directory.ts';
import type { AccountFound, AddressFacts, AddressQuestion, AliasFound, Reading, Unreadable } from './preset.ts';

/** What the facts come to: a reading, or a group whose members have to be asked for first. */
export type Decision = Reading & { readonly groupDns?: readonly string[] | undefined };

/**
 * Account before alias before catch-all, the whole address before the one without its tag. What is found decides,
 * whatever its state: nothing that is inactive or deleted falls through to something else. The state of the domain
 * goes before all; the account is told all the same, for a sign-in that is to be refused.
 *
 * @param shell accounts of shell users, who have no entry of the preset's
 */
export function decide(
  facts: AddressFacts,
  question: AddressQuestion,
  shell: (address: string) => readonly AccountFound[] = () => [],
): Decision {
  if (facts.domain === 'not-hosted') return refused('no-such-domain');
  const decision = decideAddress(facts, question, shell);
  if (facts.domain === 'deleted') return { ...decision, ...refused('domain-deleted') };
  if (facts.domain === 'inactive') return { ...decision, ...refused('domain-inactive') };
  return facts.domain === 'hosted' ? decision : unknown(facts.domain.unreadable);
}

function decideAddress(
  facts: AddressFacts,
  question: AddressQuestion,
  shell: (address: string) => readonly AccountFound[],
): Decision {
  for (const address of [question.address, question.untagged]) {
    if (address === undefined) continue;
    const accounts = onePerEntry([...facts.accounts(address), ...shell(address)]);
    if (accounts.length > 1) return unknown(`${address} belongs to more than one account`);
    if (accounts[0] !== undefined) return decideAccount(accounts[0]);
    const aliases = facts.aliases(address);
    if (aliases.length > 0) return decideAlias(aliases, false);
  }
  return facts.catchAll.length > 0 ? decideAlias(facts.catchAll, true) : refused('no-such-user');
}

function decideAccount(found: AccountFound): Decision {
  if (isUnreadable(found)) return unknown(found.unreadable);
  const { account, state } = found;
  if (state === 'active') return { account, answer: { kind: 'account', account } };
  return { account, ...refused(state === 'deleted' ? 'account-deleted' : 'account-inactive') };
}

function decideAlias(found: readonly AliasFound[], catchAll: boolean): Decision {
  const targets = new Set<string>();
  const groupDns: string[] = [];
  let active = false;
  for (const alias of found) {
    if (isUnreadable(alias)) return unknown(alias.unreadable);
    if (!alias.active) continue;
    active = true;
    for (const target of alias.targets) targets.add(target);
    if (alias.groupDn !== undefined) groupDns.push(alias.groupDn);
  }
  if (!active) return refused('alias-inactive');
  if (targets.size === 0 && groupDns.length === 0) return unknown('the targets of an alias cannot be read');
  return { answer: { kind: 'alias', targets: [...targets], catchAll }, ...(groupDns.length > 0 ? { groupDns } : {}) };
}

/** An entry that is found twice, as one of the preset and as a shell user, is one account. */
function onePerEntry(found: readonly AccountFound[]): readonly AccountFound[] {
  const seen = new Set<string>();
  return found.filter((one) => {
    if (isUnreadable(one)) return true;
    if (seen.has(one.account.uuid)) return false;
    seen.add(one.account.uuid);
    return true;
  });
}

function isUnreadable(found: object): found is Unreadable {
  return 'unreadable' in found;
}

function refused(why: AddressRefusal): Decision {
  return { answer: { kind: 'refused', why } };
}

function unknown(cause: string): Decision {
  return { answer: { kind: 'unknown', cause } };
}
