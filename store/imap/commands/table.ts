import { deleteAcl, getAcl, listRights, myRights, setAcl } from './acl.ts';
import { append } from './append.ts';
import { authenticate } from './authenticate.ts';
import { cancelUpdate } from './cancel-update.ts';
import { capability } from './capability.ts';
import { close, unselect } from './close.ts';
import type { AnyCommand } from './command.ts';
import { compress } from './compress.ts';
import { copy, move, uidCopy, uidMove } from './copy.ts';
import { create } from './create.ts';
import { deleteMailbox } from './delete.ts';
import { enable } from './enable.ts';
import { esearch } from './esearch.ts';
import { expunge, uidExpunge } from './expunge.ts';
import { fetch, uidFetch } from './fetch.ts';
import { id } from './id.ts';
import { idle } from './idle.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { lsub } from './lsub.ts';
import { getMetadata, setMetadata } from './metadata.ts';
import { namespace } from './namespace.ts';
import { check, noop } from './noop.ts';
import { notify } from './notify.ts';
import { getQuota, getQuotaRoot } from './quota.ts';
import { rename } from './rename.ts';
import { replace, uidReplace } from './replace.ts';
import { search, uidSearch } from './search.ts';
import { examine, select } from './select.ts';
import { sort, uidSort } from './sort.ts';
import { starttls } from './starttls.ts';
import { status } from './status.ts';
import { store, uidStore } from './store.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import { thread, uidThread } from './thread.ts';
import { unauthenticate } from './unauthenticate.ts';
import { genUrlAuth, resetUrlKey, urlFetch } from './urlauth.ts';

const COMMANDS: ReadonlyMap<string, AnyCommand> = new Map(
  [
    ...[capability, noop, logout, id],
    ...[starttls, authenticate, login],
    ...[enable, namespace, select, examine, create, deleteMailbox, rename, subscribe, unsubscribe],
    ...[list, lsub, status, append, replace, uidReplace, idle],
    ...[setAcl, deleteAcl, getAcl, listRights, myRights],
    ...[getQuota, getQuotaRoot, getMetadata, setMetadata, notify, compress, unauthenticate],
    ...[genUrlAuth, resetUrlKey, urlFetch],
    ...[check, close, unselect, expunge, uidExpunge, search, uidSearch, fetch, uidFetch, store, uidStore],
    ...[copy, uidCopy, move, uidMove, cancelUpdate, sort, uidSort, thread, uidThread, esearch],
  ].map((command): [string, AnyCommand] => [command.name, command as AnyCommand]),
);

/** The command of this name (upper-cased, `UID FETCH` for the forms with UID). */
export function findCommand(name: string): AnyCommand | undefined {
  return COMMANDS.get(name);
}
