import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

/** Postfix's smtp-sink as the server outside: takes everything, and counts. */
export interface Sink {
  /** Messages so far. */
  readonly messages: number;
  stop(): void;
}

export async function startSink(address: string, port: number): Promise<Sink> {
  const child: ChildProcess = spawn('/usr/sbin/smtp-sink', ['-u', 'nobody', '-c', `inet:${address}:${port}`, '1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-200);
  });
  await pause(500);
  if (child.exitCode !== null) throw new Error(`smtp-sink ended with ${child.exitCode}`);
  return {
    get messages() {
      return Number([...said.matchAll(/mesg=(\d+)\s/g)].at(-1)?.[1] ?? 0);
    },
    stop: () => void child.kill('SIGTERM'),
  };
}
