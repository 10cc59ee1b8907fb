import type { Directory } from '@postern/shared/directory/directory.ts';
import type { ExpansionLimits } from '@postern/shared/directory/recipients.ts';
import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import { type Reply, reply } from '@postern/shared/smtp/reply.ts';
import type { OutgoingRecipient, RecipientRoute, RoutedRecipient } from '../../mailstore/mailstore.ts';
import { type Destination, destinationOf } from '../recipients.ts';
import type { OtherStores } from './other-stores.ts';

/** Recipients that go to the relay in one transaction. */
const GROUP_SIZE = 100;
const NO_SUCH_STORE = reply(451, '4.3.5', 'The mail system is not set up well, please try again later');

/** What the directory says of recipients whom nobody has looked up yet. */
export interface Routing {
  readonly routes: readonly RoutedRecipient[];
  /** `expanded`: others stand in the recipient's place from now on. */
  readonly expanded: readonly OutgoingRecipient[];
  readonly refused: readonly { readonly recipient: OutgoingRecipient; readonly reply: Reply; readonly cause: string }[];
  readonly unknown: readonly { readonly recipient: OutgoingRecipient; readonly reply: Reply; readonly cause: string }[];
}

/**
 * Looks up where recipients go. Outside ones are put into groups, numbered from `firstGroup` on, each of which is one transaction with the
 * relay for good: what is repeated after a lost reply has to be what was sent.
 */
export async function routesOf(
  directory: Directory,
  limits: ExpansionLimits,
  stores: Pick<OtherStores, 'homeOf'>,
  recipients: readonly OutgoingRecipient[],
  firstGroup: number,
): Promise<Routing> {
  const routes: RoutedRecipient[] = [];
  const expanded: OutgoingRecipient[] = [];
  const refused: { recipient: OutgoingRecipient; reply: Reply; cause: string }[] = [];
  const unknown: { recipient: OutgoingRecipient; reply: Reply; cause: string }[] = [];
  /** Each account and outside address once, whatever aliases lead there. */
  const taken = new Set<string>();
  let outside = 0;
  const relayRoute = (): RecipientRoute => ({ kind: 'relay', group: firstGroup + Math.floor(outside++ / GROUP_SIZE) });
  for (const recipient of recipients) {
    const destination = ofKnownStores(await destinationOf(directory, recipient.address, limits), stores);
    if (destination.kind !== 'found') {
      (destination.kind === 'refused' ? refused : unknown).push({ ...destination, recipient });
      continue;
    }
    const several = destination.accounts.length + destination.outside.length > 1;
    const becomes: { recipient: EnvelopeRecipient; route: RecipientRoute }[] = [];
    const add = (address: string, route: () => RecipientRoute): void => {
      if (taken.has(address)) return;
      taken.add(address);
      becomes.push({ recipient: inPlaceOf(recipient, address, several), route: route() });
    };
    for (const account of destination.accounts) {
      const home = stores.homeOf(account);
      add(account.address, () => (home.kind === 'store' ? { kind: 'store', store: home.name } : { kind: 'local' }));
    }
    for (const address of destination.outside) add(address, relayRoute);
    // One whose only target is another recipient's as well has nothing left to be sent.
    routes.push({ n: recipient.n, expanded: several || becomes.length === 0, becomes });
    if (several) expanded.push(recipient);
  }
  return { routes, expanded, refused, unknown };
}

/** Mail for an account of a store that is not configured waits: it must not go into another one. */
function ofKnownStores(destination: Destination, stores: Pick<OtherStores, 'homeOf'>): Destination {
  if (destination.kind !== 'found') return destination;
  for (const account of destination.accounts) {
    const home = stores.homeOf(account);
    if (home.kind !== 'not-configured') continue;
    return { kind: 'unknown', reply: NO_SUCH_STORE, cause: `hub.stores has no ${home.mailHost}` };
  }
  return destination;
}

/**
 * RFC 3461 §5.2.7.2, §5.2.7.3(c): what the sender asked for goes along with an alias; where it has several targets, success is told of the
 * alias itself. The original recipient is the one that the sender wrote (§4.2).
 */
function inPlaceOf(
  { address: alias, notify, orcpt }: OutgoingRecipient,
  address: string,
  several: boolean,
): EnvelopeRecipient {
  const original = orcpt ?? (address.toLowerCase() === alias.toLowerCase() ? undefined : `rfc822;${alias}`);
  if (!several || notify === undefined) return { address, notify, orcpt: original };
  const left = notify.filter((keyword) => keyword !== 'SUCCESS');
  return { address, notify: left.length === 0 ? ['NEVER'] : left, orcpt: original };
}
