import { MailstoreUnavailable } from '../awaited-mailstore.ts';
import { CommitOutcomeUnknown, isDatabaseAway } from '../mailstore/mailstore.ts';
import { CommandSyntaxError } from './codec/lexer.ts';
import type { AnyCommand } from './commands/command.ts';
import { bad, type Completion, formatCompletion, no } from './completion.ts';
import { ConnectionGone } from './connection.ts';
import { Goodbye } from './goodbye.ts';
import type { ReadCommand } from './incoming-commands.ts';
import { refusedCommand } from './refused-command.ts';
import type { Session } from './session.ts';

/** Lets a command act, tells what changed, and writes its tagged response. */
export async function runCommand(session: Session, read: ReadCommand): Promise<Completion> {
  const completion =
    read.command === undefined
      ? read.completion
      : (refusedCommand(session, read.command, read.args) ?? (await act(session, read.command, read.args)));
  session.out.line(`${read.tag} ${formatCompletion(completion)}`);
  return completion;
}

/** The one place where a fault of a command becomes an answer; what the session cannot survive is thrown on. */
async function act(session: Session, command: AnyCommand, read: unknown): Promise<Completion> {
  try {
    if (session.isStale) await session.checkRightsIfStale();
    const completion = await command.act(session, read);
    if (completion.status !== 'BAD' && session.hasToTell(command.refreshes === true)) {
      await tellAfter(session, command, read);
    }
    return completion;
  } catch (error) {
    return completionOf(session, command, error);
  }
}

/** What a command did is done, also when the database goes away before it can be told: NO would say that nothing happened. */
async function tellAfter(session: Session, command: AnyCommand, read: unknown): Promise<void> {
  const expunges = typeof command.expunges === 'function' ? command.expunges(read) : command.expunges;
  try {
    await session.tellChanges({ expunges, refresh: command.refreshes ?? false, own: command.removes ?? false });
  } catch (error) {
    // Who asks for nothing else is told that there is no answer.
    if (!isDatabaseAway(error) || command.name === 'NOOP' || command.name === 'CHECK') throw error;
    session.log.warn({ event: 'database-away', session: session.id, command: command.name, err: error });
  }
}

/** The answer to a fault. */
function completionOf(session: Session, command: AnyCommand, error: unknown): Completion {
  if (error instanceof ConnectionGone || error instanceof Goodbye || error instanceof CommitOutcomeUnknown) throw error;
  if (error instanceof CommandSyntaxError) return bad(error.message);
  if (error instanceof MailstoreUnavailable || isDatabaseAway(error)) {
    session.log.warn({ event: 'database-away', session: session.id, command: command.name, err: error });
    // In IDLE no command waits for an answer: the next thing heard would be DONE.
    if (command.name === 'IDLE') throw new Goodbye('The database is away; connect again later', 'UNAVAILABLE');
    return no('UNAVAILABLE', 'The database is away; try again later');
  }
  session.log.error({ event: 'command-fault', session: session.id, command: command.name, err: error });
  return no('SERVERBUG', 'Internal error; it was logged');
}
