import type { Log } from '@postern/shared/runtime/log.ts';
import type { Resolver } from '../../dns/resolver.ts';
import { dnsListRule } from './dns-list.ts';
import { openGreylisting } from './greylisting.ts';
import { heloRule } from './helo.ts';
import { Policy } from './policy.ts';
import { type RateOf, rateRule } from './rates.ts';
import { reverseNameRule } from './reverse-name.ts';
import type { Rule } from './rule.ts';
import type { PolicySettings } from './settings.ts';

export interface PolicyEnvironment {
  readonly resolver: Resolver;
  /** Our host name and the addresses of our legs: a stranger who greets with one of them lies. */
  readonly ownNames: readonly string[];
  /** Where state that outlives the process is kept. */
  readonly folder: string;
  readonly log: Log;
}

export interface OpenPolicy {
  readonly policy: Policy;
  close(): Promise<void>;
}

/** The rules that the configuration switches on. */
export function openPolicy(settings: PolicySettings, environment: PolicyEnvironment): OpenPolicy {
  const { resolver, ownNames, folder, log } = environment;
  const { maxEntries, dnsListsOnUnknown, reverseName, helo, greylisting, rates } = settings;
  const rules: Rule[] = [];
  for (const list of settings.dnsAllowLists) {
    rules.push(dnsListRule('allow', { ...list, action: 'accept' }, dnsListsOnUnknown, resolver));
  }
  for (const list of settings.dnsBlockLists) {
    rules.push(dnsListRule('block', list, dnsListsOnUnknown, resolver));
  }
  if (reverseName.enabled) rules.push(reverseNameRule(reverseName, resolver));
  if (helo.enabled) rules.push(heloRule(helo, ownNames, resolver));
  for (const whose of ['address', 'network', 'sender', 'recipient'] satisfies RateOf[]) {
    const rate = rates[whose];
    if (rate === undefined) continue;
    rules.push(rateRule(whose, { ...rate, burst: rate.burst ?? rate.count }, maxEntries, () => performance.now()));
  }
  const greylist = greylisting.enabled ? openGreylisting({ ...greylisting, maxEntries }, folder, log) : undefined;
  if (greylist !== undefined) rules.push(greylist.rule);
  return { policy: new Policy(rules, settings), close: async () => greylist?.close() };
}
