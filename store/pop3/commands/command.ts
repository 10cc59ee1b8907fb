import { err, type PopReply } from '../codec/reply.ts';
import type { Pop3Session, Pop3State } from '../session.ts';

/** One command. `act` answers with the one line of the response; undefined when it wrote the whole response itself. */
export interface Pop3Command {
  readonly name: string;
  readonly states: readonly Pop3State[];
  /** @param rest what stood behind the keyword and its space */
  act(session: Pop3Session, rest: string | undefined): Promise<PopReply | undefined> | PopReply | undefined;
}

export const AUTHORIZATION: readonly Pop3State[] = ['authorization'];
export const TRANSACTION: readonly Pop3State[] = ['transaction'];
export const ALWAYS: readonly Pop3State[] = ['authorization', 'transaction'];

export const NO_ARGUMENT = err('This command takes no argument');
export const NO_SUCH_MESSAGE = err('No such message');

/** RFC 1939 §3: a response of several lines ends with a dot. */
export async function writeLines(session: Pop3Session, first: string, lines: Iterable<string>): Promise<undefined> {
  session.out.line(first);
  for (const line of lines) {
    session.out.line(line);
    if (session.out.pendingBytes > 32_768) await session.flow();
  }
  session.out.line('.');
  return undefined;
}
