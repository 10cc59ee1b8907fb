import type { SpecialUse } from '../../mailstore/mailstore.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { tellNormalizedName } from '../list-response.ts';
import { decodeName, invalidName } from '../mailbox-argument.ts';
import { placeOfName, takenByAllMail } from '../namespaces.ts';
import { refusedToCreate } from '../rights.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 6154 §2, in lower case. */
const CREATABLE: ReadonlyMap<string, SpecialUse> = new Map(
  (['\\Drafts', '\\Sent', '\\Junk', '\\Trash', '\\Archive'] as const).map((use) => [use.toLowerCase(), use]),
);

/** RFC 9051 §6.3.4, with CREATE-SPECIAL-USE (RFC 6154 §3). */
export const create: Command<{ readonly octets: string; readonly uses: readonly string[] }> = {
  name: 'CREATE',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    const octets = args.astring();
    const uses: string[] = [];
    // RFC 6154 §3: CREATE name (USE (\Sent)).
    if (!args.atEnd && args.offers('CREATE-SPECIAL-USE')) {
      args.expect(' (USE ');
      uses.push(...args.list(() => args.flag()));
      args.expect(')');
    }
    return { octets, uses };
  },
  async act(session, { octets, uses }) {
    const name = decodeName(session, octets);
    if (name === undefined) return invalidName();
    const specialUse = uses[0] === undefined ? undefined : CREATABLE.get(uses[0].toLowerCase());
    // A mailbox has one use here; \All is no mailbox that anybody can make.
    if (uses.length > 1 || (uses.length === 1 && specialUse === undefined)) {
      return no('USEATTR', 'A mailbox cannot be made for this use');
    }
    const place = await placeOfName(session, name.replace(/\/$/, ''));
    if (place === undefined) return invalidName('Nobody has mailboxes under this name');
    if (await takenByAllMail(session, place)) return no('ALREADYEXISTS', 'All mail stands under this name');
    // RFC 4314 §4: k on the nearest mailbox above.
    const refused = await refusedToCreate(session, place);
    if (refused !== undefined) return refused;
    if (specialUse !== undefined && place.ownerAddress !== undefined) {
      return no('USEATTR', 'A use is given by the owner alone');
    }
    const result = await session.mailstore.mailboxes.create(
      place.accountId,
      place.ownName,
      specialUse === undefined ? {} : { specialUse },
    );
    switch (result.kind) {
      case 'created':
        session.notifications?.madeByClient.created(place.prefix + result.mailbox.name);
        tellNormalizedName(session, name, place.prefix + result.mailbox.name);
        // RFC 8474 §4.2.
        return ok('CREATE completed', session.offers('OBJECTID') ? `MAILBOXID (M${result.mailbox.id})` : undefined);
      case 'exists':
        return no('ALREADYEXISTS', 'The mailbox exists');
      case 'special-use-taken':
        return no('USEATTR', 'Another mailbox has this use');
      case 'invalid-name':
        return invalidName(result.why);
    }
  },
};
