import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';

const MAIN = resolve(import.meta.dirname, '../../store/delivery/local-program/helper.ts');

/** The powers that its unit leaves it (infra/systemd/postern-local-delivery.service), and no others. */
const AS_UNIT = ['--bounding-set=-all,+setuid,+setgid,+kill', '--inh-caps=-all', '--no-new-privs', '--'];

/** The privileged helper of local delivery as a process of its own. */
export interface LocalDeliveryHelper {
  readonly socket: string;
  stop(): Promise<void>;
}

/** Starts it on a socket in `folder`. Rejects when it ends before it listens. */
export async function startLocalDeliveryHelper(folder: string, settings: object): Promise<LocalDeliveryHelper> {
  const socket = join(folder, 'helper.sock');
  const config = join(folder, 'local-delivery.yaml');
  writeFileSync(config, stringify({ socket, ...settings }));
  const child = spawn('setpriv', [...AS_UNIT, process.execPath, MAIN, '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => {
      throw new Error(`the helper ended with ${code}`);
    }),
  ]);
  return {
    socket,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
