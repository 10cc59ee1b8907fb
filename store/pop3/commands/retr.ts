import { DotStuffing } from '@postern/shared/smtp/dot-stuffing.ts';
import { ConnectionGone } from '../../connection/client-connection.ts';
import { parseNumber } from '../codec/arguments.ts';
import { LineCounter } from '../codec/line-counter.ts';
import { err, formatReply, ok, type PopReply } from '../codec/reply.ts';
import { hasUtf8Header, headerOf } from '../codec/utf8-header.ts';
import type { MaildropMessage } from '../maildrop.ts';
import type { Pop3Session } from '../session.ts';
import { NO_SUCH_MESSAGE, type Pop3Command, TRANSACTION } from './command.ts';

/** A message goes through memory in pieces of this size, each when the one before is with the client. */
const PIECE_BYTES = 262_144;

/** RFC 1939 §5. */
export const retr: Pop3Command = {
  name: 'RETR',
  states: TRANSACTION,
  async act(session, rest) {
    const message = session.maildrop.message(parseNumber(rest) ?? 0);
    if (message === undefined) return NO_SUCH_MESSAGE;
    const refused = await sendMessage(session, message);
    if (refused === undefined) session.maildrop.retrieved(message);
    return refused;
  },
};

/** RFC 1939 §7: the header, the empty line, and so many lines of the body. */
export const top: Pop3Command = {
  name: 'TOP',
  states: TRANSACTION,
  async act(session, rest) {
    const [number, lines, ...more] = (rest ?? '').split(' ');
    const wanted = parseNumber(lines);
    if (wanted === undefined || more.length > 0) return err('TOP wants a message and a number of lines');
    const message = session.maildrop.message(parseNumber(number) ?? 0);
    return message === undefined ? NO_SUCH_MESSAGE : sendMessage(session, message, new LineCounter(wanted));
  },
};

/** Sends a message as a response of several lines; the reply when it may not be sent. */
async function sendMessage(
  session: Pop3Session,
  { contentId, sizeBytes }: MaildropMessage,
  counter?: LineCounter,
): Promise<PopReply | undefined> {
  const { messages } = session.mailstore;
  let piece = await messages.readBody(contentId, 0, PIECE_BYTES);
  if (!session.utf8 && session.services.config.utf8Headers === 'refuse' && hasUtf8Header(headerOf(piece))) {
    // RFC 6856 §2.1, §5.
    return err('The header of this message is in UTF-8; send UTF8 first', 'UTF8');
  }
  session.out.line(formatReply(ok(counter === undefined ? `${sizeBytes} octets` : 'Top of the message follows')));
  const stuffing = new DotStuffing();
  for (let from = 0; ; ) {
    const { take, complete } = counter?.feed(piece) ?? { take: piece.length, complete: false };
    session.out.bytes(stuffing.feed(take === piece.length ? piece : piece.subarray(0, take)));
    await session.flow();
    from += piece.length;
    if (complete || from >= sizeBytes || piece.length === 0) break;
    piece = await readOn(session, contentId, from);
  }
  session.out.bytes(stuffing.end());
  return undefined;
}

/** A fault halfway leaves nothing to say: a client must not take the part for the whole, so the connection ends. */
async function readOn(session: Pop3Session, contentId: Buffer, from: number): Promise<Buffer> {
  try {
    return await session.mailstore.messages.readBody(contentId, from, from + PIECE_BYTES);
  } catch (fault) {
    session.log.error({ event: 'message-cut-off', session: session.id, service: 'pop3', err: fault });
    session.connection.destroy();
    throw new ConnectionGone();
  }
}
