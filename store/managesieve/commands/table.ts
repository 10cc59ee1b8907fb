import { authenticate } from './authenticate.ts';
import { capability } from './capability.ts';
import type { AnySieveCommand } from './command.ts';
import { checkscript, havespace, putscript } from './put-script.ts';
import { deletescript, getscript, listscripts, renamescript, setactive } from './scripts.ts';
import { logout, noop, unauthenticate } from './session-commands.ts';
import { starttls } from './starttls.ts';

const COMMANDS: readonly AnySieveCommand[] = [
  ...[authenticate, capability, logout, noop, starttls, unauthenticate],
  ...[checkscript, deletescript, getscript, havespace, listscripts, putscript, renamescript, setactive],
];
const BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** @param name in upper case */
export function findCommand(name: string): AnySieveCommand | undefined {
  return BY_NAME.get(name);
}
