import { reply } from '@postern/shared/smtp/reply.ts';
import { reversedLabels } from '../../dns/client-address.ts';
import { type DnsAnswer, isDnsName, type Resolver, texts } from '../../dns/resolver.ts';
import { ACCEPT, type Action, actOn, type Rule, type Subject, type Verdict } from './rule.ts';

export interface DnsListSettings {
  readonly zone: string;
  readonly of: 'client' | 'sender-domain';
  /** Answers that count; every one that means "listed" when empty. */
  readonly codes: readonly string[];
  readonly action: Action;
}

/** DNS block and allow lists (RFC 5782): addresses of clients, or domains of senders. */
export function dnsListRule(
  kind: 'block' | 'allow',
  settings: DnsListSettings,
  onUnknown: 'accept' | 'tempfail',
  resolver: Resolver,
): Rule {
  return {
    name: `dns-${kind}:${settings.zone}`,
    stage: settings.of === 'client' ? 'connect' : 'mail',
    async judge(subject) {
      const key = listedKey(settings, subject);
      if (key === undefined) return ACCEPT;
      const answer = await resolver.query(`${key}.${settings.zone}`, 'A');
      return kind === 'allow' ? decideAllow(answer, settings) : decideBlock(answer, settings, onUnknown);
    },
  };
}

function listedKey(settings: DnsListSettings, subject: Subject): string | undefined {
  if (settings.of === 'client') return reversedLabels(subject.client);
  const domain = subject.reversePath.slice(subject.reversePath.lastIndexOf('@') + 1).toLowerCase();
  return isDnsName(domain) ? domain : undefined;
}

/** The codes that say that the name is listed. RFC 5782 §2.1: they lie in 127.0.0.0/8; §5: 127.0.0.1 is never listed. */
function listedCodes(answer: DnsAnswer, codes: readonly string[]): string[] {
  return texts(answer).filter((address) => {
    // By custom 127.255.255.0/24 says that the question was refused (too many, or by an open resolver): no listing.
    if (!/^127\./.test(address) || address === '127.0.0.1' || address.startsWith('127.255.255.')) return false;
    return codes.length === 0 || codes.includes(address);
  });
}

export function decideBlock(answer: DnsAnswer, settings: DnsListSettings, onUnknown: 'accept' | 'tempfail'): Verdict {
  const { zone } = settings;
  const tempfail = reply(451, '4.4.3', `Your reputation could not be looked up at ${zone}, please try again later`);
  if (answer.kind === 'unknown') {
    return onUnknown === 'accept' ? ACCEPT : { kind: 'tempfail', reply: tempfail, reason: answer.cause };
  }
  const codes = listedCodes(answer, settings.codes);
  if (codes.length === 0) return ACCEPT;
  const what = settings.of === 'client' ? 'Your address' : 'The domain of the sender';
  return actOn(settings.action, `listed at ${zone} as ${codes.join(' ')}`, {
    reject: reply(550, '5.7.1', `${what} is listed at ${zone}`),
    tempfail: reply(450, '4.7.1', `${what} is listed at ${zone}, please try again later`),
  });
}

/** Not knowing whether somebody is allowed leaves the other rules to decide. */
export function decideAllow(answer: DnsAnswer, settings: DnsListSettings): Verdict {
  const codes = listedCodes(answer, settings.codes);
  if (codes.length === 0) return ACCEPT;
  return { kind: 'accept', exempt: true, reason: `allowed by ${settings.zone} as ${codes.join(' ')}` };
}
