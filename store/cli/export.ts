import { resolve } from 'node:path';
import { exportMaildir } from '../migration/export-maildir.ts';
import { exportMbox } from '../migration/export-mbox.ts';
import { required, type StoreCommand, Usage } from './command.ts';
import { openProgressBar } from './progress-bar.ts';

export const exportCommand: StoreCommand = {
  usage: `export maildir|mbox PATH --account ADDRESS [--json]
                                   writes an account as a Maildir++ that Dovecot reads, UIDs and all; or a file a mailbox`,
  migrates: false,
  async run(mailstore, input, print) {
    const [kind, path, ...more] = input.words;
    if (path === undefined || more.length > 0 || (kind !== 'maildir' && kind !== 'mbox')) {
      throw new Usage('export wants maildir PATH or mbox PATH');
    }
    const account = await mailstore.accounts.find(required(input, 'account'));
    if (account === undefined) {
      print('no such account');
      return 1;
    }
    const { messages: of } = await mailstore.accounts.usage(account.id);
    const bar = openProgressBar();
    let done = 0;
    const run = kind === 'maildir' ? exportMaildir : exportMbox;
    const report = await run(mailstore, account.id, resolve(path), (mailbox) => {
      done += 1;
      bar.show(done, of, mailbox);
    });
    bar.end();
    if (input.options.json === true) print(JSON.stringify(report));
    else {
      for (const failure of report.failures) print(`failed: ${failure}`);
      print(`${report.messages} messages exported from ${report.mailboxes} mailboxes, ${report.before} were there`);
    }
    return report.failures.length === 0 ? 0 : 1;
  },
};
