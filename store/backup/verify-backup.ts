import { columnOf } from '../mailstore/mailstore.ts';
import { readAccountFile } from './account-file.ts';
import { type BackupFolder, hashOfFile } from './backup-folder.ts';

export interface Verification {
  readonly accounts: number;
  readonly bodies: number;
  /** One sentence each; empty when all is well. */
  readonly faults: readonly string[];
}

/** Reads back all that a snapshot needs: every account's file and every body, each against its hash. */
export async function verifyBackup(
  folder: BackupFolder,
  snapshot: string,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<Verification> {
  const { accounts } = await folder.manifest(snapshot);
  const faults: string[] = [];
  const seen = new Set<string>();
  const at = columnOf('email', 'content_id');
  for (const [i, { uuid, address, sha256 }] of accounts.entries()) {
    onProgress(i, accounts.length);
    const path = folder.accountPath(snapshot, uuid);
    try {
      if ((await hashOfFile(path)) !== sha256) throw new Error(`${path} is damaged`);
      for await (const { table, rows } of readAccountFile(path)) {
        if (table !== 'email') continue;
        for (const row of rows) {
          const body = row[at];
          if (!Buffer.isBuffer(body) || seen.has(body.toString('latin1'))) continue;
          seen.add(body.toString('latin1'));
          await folder.body(body).catch((fault: Error) => faults.push(`${address}: ${fault.message}`));
        }
      }
    } catch (fault) {
      faults.push(`${address}: ${(fault as Error).message}`);
    }
  }
  onProgress(accounts.length, accounts.length);
  return { accounts: accounts.length, bodies: seen.size, faults };
}
