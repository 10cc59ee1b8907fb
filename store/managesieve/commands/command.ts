import { isScriptName } from '../../mailstore/door/scripts.ts';
import { GrammarFault, type SieveArguments } from '../codec/arguments.ts';
import type { SieveCompletion } from '../codec/response.ts';
import type { ManageSieveSession } from '../session.ts';

/** One command: `read` takes its arguments, `act` does it; undefined when it wrote the whole response itself. */
export interface SieveCommand<Args = unknown> {
  readonly name: string;
  readonly when: 'always' | 'signed-out' | 'signed-in';
  read(args: SieveArguments): Args;
  act(session: ManageSieveSession, args: Args): Promise<SieveCompletion | undefined> | SieveCompletion | undefined;
}

/** A command whose arguments only it knows. */
export type AnySieveCommand = SieveCommand;

export function noArguments(): undefined {
  return undefined;
}

/** A string behind a space. */
export function readString(args: SieveArguments): string {
  args.space();
  return args.string();
}

/** RFC 5804 §1.6. */
export function readScriptName(args: SieveArguments): string {
  const name = readString(args);
  if (!isScriptName(name)) {
    throw new GrammarFault('A script name has 1 to 128 characters, no control characters and no line separators');
  }
  return name;
}
