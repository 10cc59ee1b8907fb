import { parseNumber } from '../codec/arguments.ts';
import { ok } from '../codec/reply.ts';
import type { MaildropMessage } from '../maildrop.ts';
import type { Pop3Session } from '../session.ts';
import { NO_SUCH_MESSAGE, type Pop3Command, TRANSACTION, writeLines } from './command.ts';

/** LIST and UIDL: a line for one message, or one for each. */
function listing(
  name: string,
  answer: (session: Pop3Session, message: MaildropMessage) => number | string,
): Pop3Command {
  return {
    name,
    states: TRANSACTION,
    act(session, rest) {
      const { maildrop } = session;
      const line = (message: MaildropMessage): string => `${message.number} ${answer(session, message)}`;
      if (rest === undefined) {
        const first = `+OK ${maildrop.count} messages (${maildrop.sizeBytes} octets)`;
        return writeLines(session, first, lines(maildrop.messages(), line));
      }
      const message = maildrop.message(parseNumber(rest) ?? 0);
      return message === undefined ? NO_SUCH_MESSAGE : ok(line(message));
    },
  };
}

function* lines<T>(values: Iterable<T>, line: (value: T) => string): Generator<string> {
  for (const value of values) yield line(value);
}

/** RFC 1939 §5: the size is that of what RETR sends, the doubled dots not counted. */
export const list = listing('LIST', (_, message) => message.sizeBytes);

/** RFC 1939 §7. */
export const uidl = listing('UIDL', ({ maildrop }, message) => maildrop.uniqueId(message));
