import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { tellNormalizedName } from '../list-response.ts';
import { decodeName, invalidName, noSuchMailbox } from '../mailbox-argument.ts';
import { placeOfName, reachMailbox, takenByAllMail } from '../namespaces.ts';
import { refusal, refusedToCreate } from '../rights.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 9051 §6.3.6. */
export const rename: Command<{ readonly from: string; readonly to: string }> = {
  name: 'RENAME',
  states: SIGNED_IN,
  expunges: true,
  read(args: ArgumentReader) {
    args.space();
    const from = args.astring();
    args.space();
    return { from, to: args.astring() };
  },
  async act(session, { from, to }) {
    const oldName = decodeName(session, from);
    const newName = decodeName(session, to);
    if (oldName === undefined) return noSuchMailbox();
    if (newName === undefined) return invalidName();
    const source = await placeOfName(session, oldName);
    const target = await placeOfName(session, newName);
    if (source === undefined) return noSuchMailbox();
    if (target === undefined) return invalidName('Nobody has mailboxes under this name');
    // RFC 4314 §4: x on the mailbox; whoever cannot see another one's, learns nothing of it.
    const mailbox = await reachMailbox(session, oldName);
    if (mailbox === undefined && source.ownerAddress !== undefined) return noSuchMailbox();
    const forbidden = mailbox && refusal(mailbox, 'x');
    if (forbidden !== undefined) return forbidden;
    if (await takenByAllMail(session, target)) return no('ALREADYEXISTS', 'All mail stands under this name');
    if (source.accountId !== target.accountId) return invalidName('A mailbox cannot change its owner');
    const refused = await refusedToCreate(session, target);
    if (refused !== undefined) return refused;
    const { mailboxes } = session.mailstore;
    const result = await mailboxes.rename(source.accountId, source.ownName, target.ownName);
    switch (result.kind) {
      case 'renamed':
        session.notifications?.madeByClient.removed(source.prefix + source.ownName);
        session.notifications?.madeByClient.created(target.prefix + target.ownName);
        tellNormalizedName(session, newName, (target.prefix + target.ownName).normalize('NFC'));
        return ok('RENAME completed');
      case 'no-such-mailbox':
        return noSuchMailbox();
      case 'exists':
        return no('ALREADYEXISTS', 'The new name is taken');
      case 'invalid-name':
        return invalidName(result.why);
    }
  },
};
