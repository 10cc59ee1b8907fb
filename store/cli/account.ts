import { type StoreCommand, Usage } from './command.ts';

export const account: StoreCommand = {
  usage: 'account list                     all accounts: address, messages, octets, id of the directory',
  migrates: false,
  async run(mailstore, { words }, print) {
    if (words.length !== 1 || words[0] !== 'list') throw new Usage('account knows the word: list');
    for (const { address, messages, bytes, uuid } of await mailstore.maintenance.accounts()) {
      print([address === '' ? '-' : address, messages, bytes, uuid].join('\t'));
    }
    return 0;
  },
};
