import type { StoreCommand } from './command.ts';

export const migrate: StoreCommand = {
  usage: 'migrate                          brings the tables to the newest version',
  migrates: true,
  async run(_mailstore, _input, print) {
    print('the tables are at the newest version');
    return 0;
  },
};
