import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createGzip } from 'node:zlib';
import type { AccountSummary, BackupSink, Mailstore } from '../mailstore/mailstore.ts';
import { END_LINE, lineOf } from './account-file.ts';
import { type BackedUpAccount, type BackupFolder, exists, hashOfFile } from './backup-folder.ts';
import { writeDurably } from './durable-file.ts';

export interface BackupReport {
  readonly snapshot: string;
  /** Whether an earlier run had begun it. */
  readonly resumed: boolean;
  readonly accounts: number;
  readonly messages: number;
  /** Bodies that no backup of this folder had. */
  readonly newBodies: number;
  readonly newBodyBytes: number;
  readonly missingBodies: number;
}

export interface BackupProgress {
  readonly done: number;
  readonly of: number;
  readonly address: string;
}

/**
 * Backs up all accounts, each as it is at one instant of its own. What an earlier run that was broken off has finished is kept, so
 * that a restart costs nothing twice.
 */
export async function makeBackup(
  mailstore: Mailstore,
  folder: BackupFolder,
  onProgress: (progress: BackupProgress) => void = () => {},
): Promise<BackupReport> {
  const startedAt = new Date();
  const { name, resumed } = await folder.begin(startedAt);
  const summaries = (await mailstore.maintenance.accounts()).filter(({ address }) => address !== '');
  const kept: BackedUpAccount[] = [];
  const fresh = { bodies: 0, bytes: 0 };
  for (const [i, summary] of summaries.entries()) {
    onProgress({ done: i, of: summaries.length, address: summary.address });
    const account =
      (await noted(folder, name, summary.uuid)) ?? (await backUpAccount(mailstore, folder, name, summary, fresh));
    if (account !== undefined) kept.push(account);
  }
  onProgress({ done: summaries.length, of: summaries.length, address: '' });
  const manifest = {
    format: 1,
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    accounts: kept,
  } as const;
  const sum = (count: (account: BackedUpAccount) => number): number => kept.reduce((n, each) => n + count(each), 0);
  return {
    snapshot: await folder.finish(name, manifest),
    resumed,
    accounts: kept.length,
    messages: sum(({ messages }) => messages),
    newBodies: fresh.bodies,
    newBodyBytes: fresh.bytes,
    missingBodies: sum(({ missingBodies }) => missingBodies),
  };
}

async function noted(folder: BackupFolder, snapshot: string, uuid: string): Promise<BackedUpAccount | undefined> {
  const path = folder.notePath(snapshot, uuid);
  return (await exists(path)) ? (JSON.parse(await readFile(path, 'utf8')) as BackedUpAccount) : undefined;
}

/** Undefined when the account went away meanwhile. */
async function backUpAccount(
  mailstore: Mailstore,
  folder: BackupFolder,
  snapshot: string,
  { uuid, id, address }: AccountSummary,
  fresh: { bodies: number; bytes: number },
): Promise<BackedUpAccount | undefined> {
  const path = folder.accountPath(snapshot, uuid);
  const takenAt = new Date().toISOString();
  const counted = { messages: 0, missingBodies: 0 };
  let gone = false;
  await writeDurably(path, async (file) => {
    const gzip = createGzip();
    const written = (async (): Promise<void> => {
      for await (const piece of gzip) await file.writeFile(piece as Buffer);
    })();
    const put = async (line: string): Promise<void> => {
      if (!gzip.write(line)) await once(gzip, 'drain');
    };
    const sink: BackupSink = {
      async rows(piece) {
        if (piece.table === 'message') counted.messages += piece.rows.length;
        await put(lineOf(piece));
      },
      hasBody: (sha256) => folder.hasBody(sha256),
      async body(sha256, pieces) {
        fresh.bytes += await folder.keepBody(sha256, pieces);
        fresh.bodies += 1;
      },
      bodyMissing() {
        counted.missingBodies += 1;
      },
    };
    try {
      gone = (await mailstore.backups.read(uuid, sink)) === 'no-such-account';
      await put(END_LINE);
    } finally {
      gzip.end();
      await written;
    }
  });
  if (gone) return undefined;
  const account: BackedUpAccount = {
    uuid,
    id,
    address,
    sha256: await hashOfFile(path),
    takenAt,
    messages: counted.messages,
    missingBodies: counted.missingBodies,
  };
  await writeDurably(folder.notePath(snapshot, uuid), (file) => file.writeFile(JSON.stringify(account)));
  return account;
}
