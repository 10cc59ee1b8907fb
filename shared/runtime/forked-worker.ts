import cluster, { type Worker } from 'node:cluster';

/**
 * Starts a worker: this program once more, in a process that shares the listening sockets of its siblings. Every worker takes connections from
 * the shared queue by itself, whoever is free first: one that is busy or stands still takes none, and the kernel ends what a dead one held. Handing
 * connections out in turn (Node's default) loses those that are on their way to a worker that dies: no one greets them, no one closes them.
 */
export function forkWorker(environment: Readonly<Record<string, string>> = {}): Worker {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  return cluster.fork(environment);
}
