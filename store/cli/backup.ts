import { BackupFolder } from '../backup/backup-folder.ts';
import { makeBackup } from '../backup/make-backup.ts';
import { verifyBackup } from '../backup/verify-backup.ts';
import { type StoreCommand, Usage } from './command.ts';
import { openProgressBar } from './progress-bar.ts';

export const backup: StoreCommand = {
  usage: `backup DIR [--verify] [--json]   writes all accounts to a folder, beside a store that works; bodies that the folder has are
                                   not written again. Broken off, the next run goes on. --verify reads everything back`,
  migrates: false,
  async run(mailstore, { words, options }, print) {
    const [path, ...more] = words;
    if (path === undefined || more.length > 0) throw new Usage('backup wants one folder');
    const folder = new BackupFolder(path);
    const bar = openProgressBar();
    const report = await makeBackup(mailstore, folder, ({ done, of, address }) => bar.show(done, of, address));
    const verified =
      options.verify === true
        ? await verifyBackup(folder, report.snapshot, (done, of) => bar.show(done, of, 'reading back'))
        : undefined;
    bar.end();
    if (options.json === true) print(JSON.stringify({ ...report, verified }));
    else {
      print(
        `${report.snapshot}: ${report.accounts} accounts, ${report.messages} messages; ${report.newBodies} new bodies, ${report.newBodyBytes} octets${report.resumed ? '; went on with a backup that was broken off' : ''}`,
      );
      if (report.missingBodies > 0)
        print(`${report.missingBodies} bodies are missing in the database itself: see check`);
      for (const fault of verified?.faults ?? []) print(fault);
      if (verified?.faults.length === 0) print(`read back: ${verified.accounts} accounts, ${verified.bodies} bodies`);
    }
    return report.missingBodies === 0 && (verified?.faults.length ?? 0) === 0 ? 0 : 1;
  },
};
