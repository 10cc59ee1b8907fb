import type { AnyCommand } from './commands/command.ts';
import { bad, type Completion, no } from './completion.ts';
import type { Session } from './session.ts';

/** What a token of the scope `watch` may do: counts, and no content. */
const WATCH_COMMANDS: ReadonlySet<string> = new Set([
  ...['CAPABILITY', 'NOOP', 'LOGOUT', 'ID', 'ENABLE', 'NAMESPACE', 'LIST', 'LSUB', 'STATUS', 'IDLE', 'NOTIFY'],
  ...['GETQUOTA', 'GETQUOTAROOT', 'GETMETADATA', 'SETMETADATA', 'COMPRESS', 'UNAUTHENTICATE'],
]);

/** Why the session may not run a command in its state; undefined when it may. */
export function refusedCommand(session: Session, command: AnyCommand, read: unknown): Completion | undefined {
  if (command.states.includes(session.state)) {
    if (
      session.state !== 'not-authenticated' &&
      session.signedIn.scope === 'watch' &&
      !WATCH_COMMANDS.has(command.name)
    ) {
      return no('NOPERM', 'This token shows counts alone');
    }
    // RFC 9586 §3.1: a client that gave up sequence numbers must not send any.
    const counts = typeof command.counts === 'function' ? command.counts(read) : command.counts;
    return session.uidOnly && counts === true ? bad('Name messages by UID', 'UIDREQUIRED') : undefined;
  }
  if (session.state === 'not-authenticated') return bad('Sign in first');
  return bad(command.states.includes('selected') ? 'No mailbox selected' : 'Already signed in');
}
