import type { StoreCommand } from './command.ts';

export const check: StoreCommand = {
  usage: `check [--repair] [--bodies]      asks whether the database answers, recounts and verifies all mail; --repair writes
                                   what is right, --bodies reads every body and compares its hash`,
  migrates: false,
  async run(mailstore, { options }, print) {
    const answer = await mailstore.check();
    if (!answer.ok) {
      print(answer.cause);
      return 1;
    }
    const report = await mailstore.maintenance.verify(
      { repair: options.repair === true, bodies: options.bodies === true },
      ({ address, text, state }) => print(`${state}: ${address === undefined ? '' : `${address}: `}${text}`),
    );
    if (report.problems === 0) print(`ok: ${report.accounts} accounts`);
    else print(`${report.problems} problems in ${report.accounts} accounts, ${report.repaired} repaired`);
    return report.problems === report.repaired ? 0 : 1;
  },
};
