import { messagesRemoved } from '@postern/shared/runtime/mail-events.ts';
import { SEEN } from '../../mailstore/flags.ts';
import { err, ok, type PopReply } from '../codec/reply.ts';
import type { Pop3Session } from '../session.ts';
import { ALWAYS, NO_ARGUMENT, type Pop3Command } from './command.ts';

/** RFC 1939 §4 and §6: the one place where anything is removed. */
export const quit: Pop3Command = {
  name: 'QUIT',
  states: ALWAYS,
  async act(session, rest) {
    if (rest !== undefined) return NO_ARGUMENT;
    session.leave();
    return session.state === 'authorization' ? ok('Bye') : update(session);
  },
};

async function update(session: Pop3Session): Promise<PopReply> {
  const { maildrop, mailstore, services } = session;
  const { deleted, read } = maildrop.outcome();
  if (read.length > 0 && services.config.marksSeen) {
    await mailstore.messages.storeFlags(maildrop.mailboxId, read, {
      how: 'add',
      flags: { system: SEEN, keywords: [] },
    });
  }
  if (deleted.length === 0) return ok('Bye');
  const result = await mailstore.messages.remove(maildrop.mailboxId, deleted, session.account.address);
  if (result.kind !== 'expunged') return err('The INBOX is gone; nothing was removed', 'SYS/TEMP');
  const user = session.account.address;
  messagesRemoved(session.log, { session: session.id, service: 'pop3', user, messages: result.uids.length });
  return ok(`${result.uids.length} messages removed`);
}
