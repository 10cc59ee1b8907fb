import { fileURLToPath } from 'node:url';
import { TokenBuckets } from '../../../gateway/relay/memory/token-buckets.ts';

/** A process that remembers rates and answers what it is asked, as the relay's does for its workers. */
export const ANSWERING_PROCESS: string = fileURLToPath(import.meta.url);

interface Asked {
  readonly id: number;
  readonly key: string;
}

if (process.argv[1] === ANSWERING_PROCESS) {
  const buckets = new TokenBuckets({ count: 1_000_000, perMs: 60_000, burst: 1_000_000 }, 100_000);
  process.on('message', ({ id, key }: Asked) => {
    process.send?.({ id, value: buckets.take(key, performance.now()) });
  });
  process.send?.({ ready: true });
}
