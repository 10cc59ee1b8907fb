import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Children of a process that run its own program: its workers. */
export function workersOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return children.filter((child) =>
    orGone(() => readFileSync(`/proc/${child}/cmdline`, 'utf8'), '').includes('main.ts'),
  );
}

/** Those of its workers that listen on a port already: one that was just started does not. */
export function listeningWorkersOf(pid: number, port: number): number[] {
  // /proc/net/tcp (proc(5)): local address, state 0A (LISTEN), …, inode of the socket.
  const wanted = new RegExp(
    `^ *\\d+: [0-9A-F]{8}:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A (?:\\S+ +){5}(\\d+)`,
    'gm',
  );
  const sockets = new Set(
    [...readFileSync('/proc/net/tcp', 'utf8').matchAll(wanted)].map((line) => `socket:[${line[1]}]`),
  );
  return workersOf(pid).filter((worker) => openFilesOf(worker).some((name) => sockets.has(name)));
}

/** What its descriptors stand for; what is closed while we look, the whole process maybe, is not there. */
function openFilesOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return orGone(() => readdirSync(folder), []).map((name) => orGone(() => readlinkSync(`${folder}/${name}`), ''));
}

function orGone<T>(look: () => T, gone: T): T {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return gone;
    throw error;
  }
}
