import { scriptChanged } from '@postern/shared/runtime/mail-events.ts';
import type { PutScriptResult } from '../../mailstore/door/scripts.ts';
import { checkScript } from '../../sieve/check.ts';
import { no, ok, type SieveCompletion } from '../codec/response.ts';
import type { ManageSieveSession } from '../session.ts';
import { readScriptName, readString, type SieveCommand } from './command.ts';

/** What a script that cannot be stored is answered by. */
const REFUSALS: Readonly<Record<Exclude<PutScriptResult, 'stored'>, SieveCompletion>> = {
  'too-large': no('The script is too large', 'QUOTA/MAXSIZE'),
  'too-many-scripts': no('There are as many scripts as there may be', 'QUOTA/MAXSCRIPTS'),
  'over-quota': no('Together the scripts would be too large', 'QUOTA'),
  'invalid-name': no('This is no name for a script'),
};

/** RFC 5804 §2.6, §2.12: all errors, or all warnings, a line each, with the line of the script. */
function judge(
  { services }: ManageSieveSession,
  text: string,
): { readonly good: boolean; readonly completion: SieveCompletion } {
  if (text === '') return { good: false, completion: no('A script has at least one octet') };
  const checked = checkScript(text, services.language);
  const notes = checked.ok ? checked.warnings : checked.errors;
  const lines = notes.map(({ line, message }) => `line ${line}: ${message}`).join('\r\n');
  if (!checked.ok) return { good: false, completion: no(lines) };
  return { good: true, completion: notes.length > 0 ? ok(lines, 'WARNINGS') : ok('The script is good') };
}

/** RFC 5804 §2.6: what is not valid is not stored. */
export const putscript: SieveCommand<{ readonly name: string; readonly text: string }> = {
  name: 'PUTSCRIPT',
  when: 'signed-in',
  read: (args) => ({ name: readScriptName(args), text: readString(args) }),
  async act(session, { name, text }) {
    const { good, completion } = judge(session, text);
    if (!good) return completion;
    const stored = await session.mailstore.scripts.put(session.account.id, name, text);
    if (stored !== 'stored') return REFUSALS[stored];
    scriptChanged(session.log, { session: session.id, user: session.account.address, script: name, how: 'put' });
    return completion;
  },
};

/** RFC 5804 §2.12. */
export const checkscript: SieveCommand<string> = {
  name: 'CHECKSCRIPT',
  when: 'signed-in',
  read: readString,
  act: (session, text) => judge(session, text).completion,
};

/** RFC 5804 §2.5. */
export const havespace: SieveCommand<{ readonly name: string; readonly sizeBytes: number }> = {
  name: 'HAVESPACE',
  when: 'signed-in',
  read(args) {
    const name = readScriptName(args);
    args.space();
    return { name, sizeBytes: args.number() };
  },
  async act(session, { name, sizeBytes }) {
    const answer = await session.mailstore.scripts.haveSpace(session.account.id, name, sizeBytes);
    return answer === 'stored' ? ok('There is room') : REFUSALS[answer];
  },
};
