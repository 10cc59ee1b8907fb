import { type FlagSet, NO_FLAGS } from '../../mailstore/flags.ts';
import type { AppendMessage } from '../../mailstore/mailstore.ts';
import { readDateTime } from '../codec/date-time.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { formatSequenceSet } from '../codec/sequence-set.ts';
import { no, ok } from '../completion.ts';
import { toFlagSet } from '../flag-argument.ts';
import { findMailbox, overQuota, tryCreate } from '../mailbox-argument.ts';
import { type Command, SIGNED_IN } from './command.ts';

interface Arguments {
  readonly mailbox: string;
  readonly flags: FlagSet;
  readonly internalDateMs: number | undefined;
  readonly message: Buffer;
}

/** RFC 9051 §6.3.12, with APPENDUID (RFC 4315 §3). */
export const append: Command<Arguments> = {
  name: 'APPEND',
  states: SIGNED_IN,
  expunges: true,
  refreshes: true,
  read(args: ArgumentReader) {
    args.space();
    const mailbox = args.astring();
    args.space();
    let flags = NO_FLAGS;
    if (args.peek() === '(') {
      flags = toFlagSet(
        args,
        args.list(() => args.flag()),
      );
      args.space();
    }
    let internalDateMs: number | undefined;
    if (args.peek() === '"') {
      internalDateMs = readDateTime(args);
      args.space();
    }
    // RFC 6855 §4: `UTF8 (~{310}…)` says that the header is in UTF-8; it is stored as it is either way.
    const utf8 = args.offers('UTF8=ACCEPT') && args.take('UTF8 (');
    const { bytes, binary } = args.literal();
    if (utf8) args.expect(')');
    // RFC 9051 §4.3: NUL only in literal8, which comes with BINARY (RFC 3516).
    if (binary && !utf8) args.fail('literal8 needs BINARY, which is not offered');
    if (bytes.includes(0)) args.fail('NUL in a message');
    return { mailbox, flags, internalDateMs, message: bytes };
  },
  async act(session, { mailbox: octets, flags, internalDateMs, message }) {
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return tryCreate();
    if (message.length === 0) return no('CANNOT', 'An empty message is not stored');
    const { quota, account } = session.signedIn;
    const { accounts, contents, messages } = session.mailstore;
    // Asked before the body is written, so that an account over its quota fills no table; decided under the lock.
    if (!(await accounts.fits(account.id, message.length, quota))) return overQuota();
    const content = await contents.put(message);
    const entry: AppendMessage = { content, flags, internalDate: new Date(internalDateMs ?? Date.now()) };
    const result = await messages.append(mailbox.id, [entry], quota);
    switch (result.kind) {
      case 'appended':
        return ok('APPEND completed', `APPENDUID ${result.uidValidity} ${formatSequenceSet(result.uids)}`);
      case 'no-such-mailbox':
        return tryCreate();
      case 'over-quota':
        return overQuota();
      case 'too-many-keywords':
        return no('LIMIT', 'Too many keywords in the mailbox');
    }
  },
};
