import { statfs } from 'node:fs/promises';
import type { Check, Finding } from './finding.ts';

/** Free space and inodes below which a disk is said to be nearly full; a quarter of it is a fault. */
export interface DiskLimits {
  readonly minFreeBytes: number;
}

const GIB = 1_073_741_824;
const MIN_FREE_INODES = 10_000;

/** Whether the file systems below the paths have room for what is to come. */
export function diskCheck(paths: readonly string[], { minFreeBytes }: DiskLimits): Check {
  return {
    name: 'disk',
    run: () =>
      Promise.all(
        paths.map(async (path): Promise<Finding> => {
          const { bavail, bsize, files, ffree } = await statfs(path);
          const freeBytes = bavail * bsize;
          const found = `${(freeBytes / GIB).toFixed(1)} GiB free`;
          // Some file systems (btrfs) count no inodes.
          const fewInodes = files > 0 && ffree < MIN_FREE_INODES;
          if (freeBytes >= minFreeBytes && !fewInodes) return { check: 'disk', subject: path, status: 'ok', found };
          const status = freeBytes < minFreeBytes / 4 ? 'fault' : 'warning';
          const advice = 'Free or add space. The relay answers 452 when the spool cannot be written; nothing is lost.';
          return { check: 'disk', subject: path, status, found: fewInodes ? `${ffree} inodes free` : found, advice };
        }),
      ),
  };
}
