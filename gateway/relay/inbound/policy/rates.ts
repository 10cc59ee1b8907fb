import { reply } from '@postern/shared/smtp/reply.ts';
import { networkOf } from '../../dns/client-address.ts';
import type { RateOf, RelayMemory } from '../../memory/relay-memory.ts';
import { ACCEPT, type Rule, type Subject, type Verdict } from './rule.ts';

const KEY: Readonly<Record<RateOf, (subject: Subject) => string>> = {
  address: ({ client }) => client,
  network: ({ client }) => networkOf(client),
  // The null reverse-path is everybody's: one client's bounces are counted, not all the world's.
  sender: ({ reversePath, client }) => (reversePath === '' ? `<> ${client}` : reversePath.toLowerCase()),
  recipient: ({ recipient }) => recipient.toLowerCase(),
};

const WHAT: Readonly<Record<RateOf, string>> = {
  address: 'from your address',
  network: 'from your network',
  sender: 'from this sender',
  recipient: 'to this recipient',
};

/** Limits how many messages come from one address, network (/24, /64) or sender, or go to one recipient. */
export function rateRule(of: RateOf, memory: RelayMemory): Rule {
  return {
    name: `rate-${of}`,
    stage: of === 'recipient' ? 'rcpt' : 'mail',
    judge: async (subject) => decideRate(of, await memory.takeRate(of, KEY[of](subject))),
  };
}

/** @param waitMs how long until the next is allowed; 0: now */
export function decideRate(of: RateOf, waitMs: number): Verdict {
  if (waitMs === 0) return ACCEPT;
  const answer = reply(450, '4.7.1', `Too much mail ${WHAT[of]}, please try again later`);
  return { kind: 'tempfail', reply: answer, reason: `over the limit; the next in ${Math.ceil(waitMs / 1000)} s` };
}
