import { expect, test } from 'vitest';
import { type Part, type RunningPart, Supervisor } from './supervisor.ts';

/** A part that dies when told, counted by its pids. */
function puppet(name: string, log: string[]): Part & { die(how: string): void; refuse: boolean } {
  let pid = 0;
  let end: (how: string) => void = () => undefined;
  return {
    name,
    refuse: false,
    async start(): Promise<RunningPart> {
      if (this.refuse) {
        this.refuse = false;
        throw new Error('cannot start');
      }
      pid += 1;
      const ended = new Promise<string>((done) => {
        end = done;
      });
      const stop = async (): Promise<void> => {
        log.push(`stop ${name}`);
        end('stopped');
      };
      return { pid, ended, stop, kill: () => end('killed') };
    },
    die: (how) => end(how),
  };
}

test('a part that dies comes back after a pause that grows, and its pid follows', async () => {
  const log: string[] = [];
  const part = puppet('store', log);
  let back: (pid: number) => void = () => undefined;
  const nextRestart = (): Promise<number> =>
    new Promise((done) => {
      back = done;
    });
  const supervisor = new Supervisor({
    onDied: (name, how, pauseMs) => log.push(`${name} ${how} ${pauseMs}`),
    onRestarted: (_, pid) => back(pid),
  });
  await supervisor.add(part);
  expect(supervisor.pids).toEqual({ store: 1 });
  const first = nextRestart();
  part.die('fell');
  expect(await first).toBe(2);
  const second = nextRestart();
  part.refuse = true;
  part.die('fell again');
  expect(await second).toBe(3);
  expect(supervisor.pids).toEqual({ store: 3 });
  expect(log).toEqual(['store fell 500', 'store fell again 1000', 'store cannot start 2000']);
  await supervisor.stop();
});

test('stopping ends the last started first, and starts nothing again', async () => {
  const log: string[] = [];
  const supervisor = new Supervisor({ onDied: () => log.push('died'), onRestarted: () => log.push('back') });
  for (const name of ['database', 'store', 'relay']) await supervisor.add(puppet(name, log));
  await supervisor.stop();
  expect(log).toEqual(['stop relay', 'stop store', 'stop database']);
  await expect(supervisor.add(puppet('late', log))).rejects.toThrow('stopping');
});
