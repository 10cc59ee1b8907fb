import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Layout, ServiceName } from './layout.ts';
import { messageOf, Sentence } from './sentence.ts';

/** Marks a folder as ours, so that neither start nor reset ever touches `--state /`. */
export const MARKER = '.postern-state';

/** Whether the folder is one that {@link prepareStateFolder} made. */
export function isStateFolder(layout: Layout): boolean {
  return existsSync(layout.at(MARKER));
}

/** Makes the state folder. @throws Sentence when it cannot be written, or holds somebody else's files */
export function prepareStateFolder(layout: Layout): void {
  if (!isStateFolder(layout) && ['etc', 'log', 'spool'].some((name) => existsSync(layout.at(name)))) {
    throw new Sentence(`The folder ${layout.state} belongs to something else: name an empty one by --state.`);
  }
  try {
    mkdirSync(layout.state, { recursive: true, mode: 0o700 });
    // Written each time: the root user passes access checks on a read-only file system.
    writeFileSync(layout.at(MARKER), 'State of a Postern demo. `npm run reset` removes it.\n');
    for (const name of ['etc', 'log', 'spool', 'secrets', 'directory']) {
      mkdirSync(layout.at(name), { recursive: true, mode: 0o700 });
      accessSync(layout.at(name), constants.W_OK | constants.X_OK);
    }
  } catch (error) {
    throw new Sentence(`The state folder ${layout.state} cannot be written: ${messageOf(error)}.`);
  }
}

/** The launcher that runs on this state folder now, if any. */
export function runningLauncher(layout: Layout): number | undefined {
  const file = layout.at('launcher.pid');
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8'));
  return Number.isInteger(pid) && pid > 1 && pid !== process.pid && isLauncher(pid) ? pid : undefined;
}

/** A pid may have been given to another process since: the command line tells. */
function isLauncher(pid: number): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  if (existsSync('/proc/self/cmdline')) {
    return existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes('start.ts');
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Claims the state folder for this process. @throws Sentence when another launcher has it */
export function claimStateFolder(layout: Layout): void {
  const other = runningLauncher(layout);
  if (other !== undefined) {
    throw new Sentence(`Postern runs already from ${layout.state} (process ${other}): stop it first, or use --state.`);
  }
  writeFileSync(layout.at('launcher.pid'), String(process.pid));
}

export function releaseStateFolder(layout: Layout): void {
  rmSync(layout.at('launcher.pid'), { force: true });
}

/** Checks that every port is free. @throws Sentence that names the first one that is not */
export async function checkPorts(layout: Layout, services: readonly ServiceName[]): Promise<void> {
  for (const name of services) {
    const { host, port } = layout.endpoints[name];
    const fault = await tryToListen(host, port);
    if (fault === undefined) continue;
    const where = `${host}:${port}`;
    if (fault === 'EADDRINUSE') {
      throw new Sentence(
        `Port ${where} (${name}) is taken by another program: stop it, or choose others by --base-port.`,
      );
    }
    if (fault === 'EACCES') {
      throw new Sentence(
        `This user has no right to listen on ${where} (${name}): choose ports above 1023 by --base-port.`,
      );
    }
    if (fault === 'EADDRNOTAVAIL') {
      throw new Sentence(`The address ${host} (${name}) is not there: add it to the loopback interface.`);
    }
    throw new Sentence(`Nothing can listen on ${where} (${name}): ${fault}.`);
  }
}

function tryToListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(undefined)));
  });
}
