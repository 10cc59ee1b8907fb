import { reply } from '@postern/shared/smtp/reply.ts';
import { networkOf } from '../../dns/client-address.ts';
import type { RelayMemory } from '../../memory/relay-memory.ts';
import { ACCEPT, type Rule, type Verdict } from './rule.ts';

/** Greylisting (RFC 6647): a stranger's first try is answered 450, and a mail server comes back. */
export function greylistingRule(memory: RelayMemory): Rule {
  return {
    name: 'greylisting',
    stage: 'rcpt',
    judge: async ({ client, reversePath, recipient }) =>
      decideGreylisting(await memory.tryGreylist(networkOf(client), reversePath, recipient)),
  };
}

/** @param waitMs how long the client has to wait still; 0: it has waited, or is known */
export function decideGreylisting(waitMs: number): Verdict {
  if (waitMs === 0) return ACCEPT;
  const answer = reply(450, '4.7.1', 'Greylisted, please try again later');
  return { kind: 'tempfail', reply: answer, reason: `greylisted for another ${Math.ceil(waitMs / 1000)} s` };
}
