import { reply } from '@postern/shared/smtp/reply.ts';
import { pointerName, sameAddress } from '../../dns/client-address.ts';
import { addressesOf, type Resolver, texts } from '../../dns/resolver.ts';
import { ACCEPT, type Action, actOn, type Rule, type Verdict } from './rule.ts';

/** Names of one address that are looked up again; an address may have thousands. */
const MAX_NAMES = 5;

/** What the DNS says of a client's name: it is `confirmed` when it leads back to the address. */
export type ReverseName =
  | { readonly kind: 'confirmed'; readonly name: string }
  | { readonly kind: 'no-name' }
  | { readonly kind: 'unconfirmed'; readonly names: readonly string[] }
  | { readonly kind: 'unknown'; readonly cause: string };

export interface ReverseNameSettings {
  /** For clients whose name is missing or does not lead back. */
  readonly action: Action;
  readonly onUnknown: 'accept' | 'tempfail';
}

/** Forward-confirmed reverse DNS (RFC 1912 §2.1: every address has a name, and name and address match). */
export function reverseNameRule(settings: ReverseNameSettings, resolver: Resolver): Rule {
  return {
    name: 'reverse-name',
    stage: 'connect',
    judge: async ({ client }) => decideReverseName(await lookUpReverseName(resolver, client), settings),
  };
}

export async function lookUpReverseName(resolver: Resolver, client: string): Promise<ReverseName> {
  const pointers = await resolver.query(pointerName(client), 'PTR');
  if (pointers.kind === 'unknown') return pointers;
  const names = texts(pointers).slice(0, MAX_NAMES);
  if (names.length === 0) return { kind: 'no-name' };
  const answers = await Promise.all(names.map((name) => addressesOf(resolver, name)));
  const confirmed = names.find((_, i) => {
    const answer = answers[i];
    return answer !== undefined && texts(answer).some((address) => sameAddress(address, client));
  });
  if (confirmed !== undefined) return { kind: 'confirmed', name: confirmed };
  return answers.find((a) => a.kind === 'unknown') ?? { kind: 'unconfirmed', names };
}

export function decideReverseName(found: ReverseName, settings: ReverseNameSettings): Verdict {
  const later = reply(450, '4.7.25', 'The name of your address could not be looked up, please try again later');
  switch (found.kind) {
    case 'confirmed':
      return ACCEPT;
    case 'unknown':
      return settings.onUnknown === 'accept' ? ACCEPT : { kind: 'tempfail', reply: later, reason: found.cause };
    case 'no-name':
    case 'unconfirmed': {
      const reason = found.kind === 'no-name' ? 'no PTR record' : `does not lead back: ${found.names.join(' ')}`;
      // RFC 7372 §3.2: X.7.25, reverse DNS validation failed.
      return actOn(settings.action, reason, {
        reject: reply(550, '5.7.25', 'Your address has no name that leads back to it'),
        tempfail: reply(450, '4.7.25', 'Your address has no name that leads back to it'),
      });
    }
  }
}
