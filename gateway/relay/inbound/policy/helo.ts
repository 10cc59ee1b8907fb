import { isIP } from 'node:net';
import { reply } from '@postern/shared/smtp/reply.ts';
import { sameAddress } from '../../dns/client-address.ts';
import { addressesOf, type DnsAnswer, isDnsName, type Resolver } from '../../dns/resolver.ts';
import { ACCEPT, type Action, actOn, type Rule, type Verdict } from './rule.ts';

export interface HeloSettings {
  /** A stranger that gives our own name or one of our addresses. */
  readonly ourName: Action;
  /** Neither a name with a dot nor an address literal (RFC 5321 §4.1.1.1). */
  readonly malformed: Action;
  /** An address literal that is not the client's address. */
  readonly otherAddress: Action;
  /** A name without address and mail exchanger in the DNS. */
  readonly unresolvable: Action;
  readonly onUnknown: 'accept' | 'tempfail';
}

/** What a client calls itself (RFC 5321 §4.1.1.1). Not whether it fits its address: §4.1.4 forbids to refuse for that alone. */
export function heloRule(settings: HeloSettings, ownNames: readonly string[], resolver: Resolver): Rule {
  return {
    name: 'helo',
    stage: 'helo',
    async judge({ helo, client }) {
      const byForm = decideHeloForm(helo, client, ownNames, settings);
      if (byForm.kind !== 'accept' || settings.unresolvable === 'accept' || helo.startsWith('[')) return byForm;
      const name = helo.replace(/\.$/, '');
      const addresses = await addressesOf(resolver, name);
      const answer = addresses.kind === 'found' ? addresses : await resolver.query(name, 'MX');
      return decideHeloName(answer, settings);
    },
  };
}

export function decideHeloForm(
  helo: string,
  client: string,
  ownNames: readonly string[],
  settings: HeloSettings,
): Verdict {
  const literal = /^\[(?:IPv6:)?(.*)\]$/i.exec(helo)?.[1]?.toLowerCase();
  const bare = (literal ?? helo).toLowerCase().replace(/\.$/, '');
  const act = (action: Action, reason: string, text: string): Verdict =>
    actOn(action, `${reason}: ${helo}`, { reject: reply(550, '5.7.1', text), tempfail: reply(450, '4.7.1', text) });
  if (ownNames.some((own) => own.toLowerCase() === bare || sameAddress(own, bare))) {
    return act(settings.ourName, 'our own name', 'You are not me');
  }
  if (literal !== undefined) {
    if (isIP(literal) === 0) return act(settings.malformed, 'malformed', 'Say EHLO with your full host name');
    if (!sameAddress(literal, client)) {
      return act(settings.otherAddress, 'another address', 'Say EHLO with your own address or your full host name');
    }
    return ACCEPT;
  }
  if (!isDnsName(bare) || !bare.includes('.') || isIP(bare) !== 0) {
    return act(settings.malformed, 'malformed', 'Say EHLO with your full host name');
  }
  return ACCEPT;
}

export function decideHeloName(answer: DnsAnswer, settings: HeloSettings): Verdict {
  const text = 'The host name that you gave in EHLO is not in the DNS';
  const tempfail = reply(450, '4.4.3', 'The host name that you gave in EHLO could not be looked up');
  if (answer.kind === 'found') return ACCEPT;
  if (answer.kind === 'unknown') {
    return settings.onUnknown === 'accept' ? ACCEPT : { kind: 'tempfail', reply: tempfail, reason: answer.cause };
  }
  const replies = { reject: reply(550, '5.7.1', text), tempfail: reply(450, '4.7.1', text) };
  return actOn(settings.unresolvable, 'not in the DNS', replies);
}
