import { CommitOutcomeUnknown } from '../mailstore/mailstore.ts';
import { ConnectionGone } from './connection.ts';
import { Goodbye } from './goodbye.ts';
import type { Session } from './session.ts';

/** BYE (RFC 9051 §7.1.5) to a client that is still there, for what ended its session. */
export function sayLastWords(session: Session, error: unknown): void {
  if (error instanceof ConnectionGone) return;
  let text = '* BYE [SERVERBUG] Internal error';
  if (error instanceof Goodbye) text = `* BYE ${error.code === undefined ? '' : `[${error.code}] `}${error.message}`;
  // Nobody knows whether the change was committed: only a new connection shows (the write rule).
  else if (error instanceof CommitOutcomeUnknown) text = '* BYE [UNAVAILABLE] The outcome is unknown; connect again';
  if (!(error instanceof Goodbye)) session.log.error({ event: 'session-fault', session: session.id, err: error });
  session.out.line(text);
}
