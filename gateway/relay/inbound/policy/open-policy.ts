import type { Resolver } from '../../dns/resolver.ts';
import type { RateOf, RelayMemory } from '../../memory/relay-memory.ts';
import { dnsListRule } from './dns-list.ts';
import { greylistingRule } from './greylisting.ts';
import { heloRule } from './helo.ts';
import { Policy } from './policy.ts';
import { rateRule } from './rates.ts';
import { reverseNameRule } from './reverse-name.ts';
import type { Rule } from './rule.ts';
import type { PolicySettings } from './settings.ts';

export interface PolicyEnvironment {
  readonly resolver: Resolver;
  /** Our host name and the addresses of our legs: a stranger who greets with one of them lies. */
  readonly ownNames: readonly string[];
  readonly memory: RelayMemory;
}

/** The rules that the configuration switches on. */
export function openPolicy(settings: PolicySettings, environment: PolicyEnvironment): Policy {
  const { resolver, ownNames, memory } = environment;
  const { dnsListsOnUnknown, reverseName, helo, greylisting, rates } = settings;
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
    if (rates[whose] !== undefined) rules.push(rateRule(whose, memory));
  }
  if (greylisting.enabled) rules.push(greylistingRule(memory));
  return new Policy(rules, settings);
}
