import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own of this size (`1m`: a mebibyte), or why there is none. It goes with this process at the latest. */
export function mountSmallFolder(
  size: string,
): { readonly folder: string; unmount(): void } | { readonly why: string } {
  const folder = mkdtempSync(join(tmpdir(), 'postern-full-'));
  const { status, error, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    return { why: error?.message ?? stderr.trim() };
  }
  const unmount = (): void => {
    process.off('exit', unmount);
    spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', unmount);
  return { folder, unmount };
}
