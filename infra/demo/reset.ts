import { existsSync, readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { layoutOf } from './layout.ts';
import { isStateFolder, MARKER, runningLauncher } from './preconditions.ts';

/** What a stack makes below its state folder; nothing else is removed, whatever the folder may be. */
const OURS = [
  ...['pki', 'etc', 'log', 'spool', 'uploads', 'secrets', 'directory', 'database'],
  ...['stack.json', 'launcher.pid', MARKER],
];

/** `npm run reset`: removes the state of the demo. Refuses while it runs. */
function main(): number {
  const { values } = parseArgs({ options: { state: { type: 'string' } } });
  const layout = layoutOf(values.state ?? process.env.POSTERN_STATE);
  if (!existsSync(layout.state)) {
    process.stdout.write(`• nothing to remove: ${layout.state} is not there\n`);
    return 0;
  }
  if (!isStateFolder(layout)) {
    process.stderr.write(`postern: ${layout.state} is not the state folder of a demo: nothing was removed.\n`);
    return 1;
  }
  const running = runningLauncher(layout);
  if (running !== undefined) {
    process.stderr.write(`postern: it runs (process ${running}): stop it first.\n`);
    return 1;
  }
  for (const name of OURS) rmSync(layout.at(name), { recursive: true, force: true });
  const rest = readdirSync(layout.state);
  if (rest.length === 0) rmSync(layout.state, { recursive: true });
  process.stdout.write(
    `• removed the state below ${layout.state}${rest.length > 0 ? `; left: ${rest.join(', ')}` : ''}\n`,
  );
  return 0;
}

process.exitCode = main();
