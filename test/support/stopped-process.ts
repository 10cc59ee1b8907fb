import { readdirSync, readFileSync } from 'node:fs';

const NAP = new Int32Array(new SharedArrayBuffer(4));

/** SIGSTOP, and waits until it holds: it reaches every thread a moment later, and until then an answer may still come. */
export function stopInItsTracks(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  while (!isStopped(pid)) Atomics.wait(NAP, 0, 0, 1);
}

/** Whether every thread of the process is in the state "stopped" (proc(5)). */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) =>
    /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')),
  );
}
