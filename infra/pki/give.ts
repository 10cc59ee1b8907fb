import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificatePlan } from './plan.ts';

/** Copies what a plan gives away, by rename, and only what differs. Returns the paths that changed. */
export function giveCertificates(folder: string, { give }: Pick<CertificatePlan, 'give'>): string[] {
  const changed: string[] = [];
  for (const { folder: target, certificates, owner, groupReads } of give) {
    mkdirSync(target, { recursive: true, mode: 0o755 });
    const files = ['ca.pem', ...certificates.flatMap((name) => [`${name}.key`, `${name}.pem`])];
    for (const file of files) {
      const [from, to] = [join(folder, file), join(target, file)];
      if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) continue;
      copyFileSync(from, `${to}.new`);
      if (groupReads && file.endsWith('.key')) chmodSync(`${to}.new`, 0o640);
      if (owner !== undefined) {
        const [uid = 0, gid = 0] = owner.split(':').map(Number);
        chownSync(`${to}.new`, uid, gid);
      }
      renameSync(`${to}.new`, to);
      changed.push(to);
    }
  }
  return changed;
}
