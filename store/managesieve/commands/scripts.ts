import { scriptChanged } from '@postern/shared/runtime/mail-events.ts';
import { formatString, no, ok, type SieveCompletion } from '../codec/response.ts';
import type { ManageSieveSession } from '../session.ts';
import { noArguments, readScriptName, readString, type SieveCommand } from './command.ts';

const NO_SUCH_SCRIPT = no('There is no script of this name', 'NONEXISTENT');

function changed(session: ManageSieveSession, script: string, how: string, text: string): SieveCompletion {
  scriptChanged(session.log, { session: session.id, user: session.account.address, script, how });
  return ok(text);
}

/** RFC 5804 §2.7. */
export const listscripts: SieveCommand = {
  name: 'LISTSCRIPTS',
  when: 'signed-in',
  read: noArguments,
  async act(session) {
    for (const { name, active } of await session.mailstore.scripts.list(session.account.id)) {
      session.out.bytes(formatString(name)).text(active ? ' ACTIVE\r\n' : '\r\n');
    }
    return ok('That is all');
  },
};

/** RFC 5804 §2.8: the empty name makes none active. */
export const setactive: SieveCommand<string> = {
  name: 'SETACTIVE',
  when: 'signed-in',
  read: readString,
  async act(session, name) {
    const result = await session.mailstore.scripts.setActive(session.account.id, name === '' ? undefined : name);
    if (result === 'no-such-script') return NO_SUCH_SCRIPT;
    return changed(session, name, 'activated', name === '' ? 'No script is active now' : 'The script is active now');
  },
};

/** RFC 5804 §2.9. A literal whatever the length: clients expect a script to be one. */
export const getscript: SieveCommand<string> = {
  name: 'GETSCRIPT',
  when: 'signed-in',
  read: readScriptName,
  async act(session, name) {
    const text = await session.mailstore.scripts.get(session.account.id, name);
    if (text === undefined) return NO_SUCH_SCRIPT;
    const octets = Buffer.from(text, 'utf8');
    session.out.text(`{${octets.length}}\r\n`).bytes(octets).text('\r\n');
    return ok('That is it');
  },
};

/** RFC 5804 §2.10. */
export const deletescript: SieveCommand<string> = {
  name: 'DELETESCRIPT',
  when: 'signed-in',
  read: readScriptName,
  async act(session, name) {
    const result = await session.mailstore.scripts.delete(session.account.id, name);
    if (result === 'no-such-script') return NO_SUCH_SCRIPT;
    if (result === 'is-active') return no('The script is active', 'ACTIVE');
    return changed(session, name, 'deleted', 'The script is deleted');
  },
};

/** RFC 5804 §2.11: the active one stays active under its new name. */
export const renamescript: SieveCommand<{ readonly from: string; readonly to: string }> = {
  name: 'RENAMESCRIPT',
  when: 'signed-in',
  read: (args) => ({ from: readScriptName(args), to: readScriptName(args) }),
  async act(session, { from, to }) {
    switch (await session.mailstore.scripts.rename(session.account.id, from, to)) {
      case 'no-such-script':
        return NO_SUCH_SCRIPT;
      case 'exists':
        return no('There is a script of the new name', 'ALREADYEXISTS');
      case 'invalid-name':
        return no('This is no name for a script');
      case 'renamed':
        return changed(session, to, 'renamed', 'The script is renamed');
    }
  },
};
