import { auth } from './auth.ts';
import { capa } from './capa.ts';
import type { Pop3Command } from './command.ts';
import { dele, rset } from './dele.ts';
import { lang } from './lang.ts';
import { list, uidl } from './list.ts';
import { noop } from './noop.ts';
import { pass } from './pass.ts';
import { quit } from './quit.ts';
import { retr, top } from './retr.ts';
import { stat } from './stat.ts';
import { stls } from './stls.ts';
import { user } from './user.ts';
import { utf8 } from './utf8.ts';

const COMMANDS: readonly Pop3Command[] = [
  ...[auth, capa, lang, pass, quit, stls, user, utf8],
  ...[dele, list, noop, retr, rset, stat, top, uidl],
];
const BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** @param name in upper case */
export function findCommand(name: string): Pop3Command | undefined {
  return BY_NAME.get(name);
}
