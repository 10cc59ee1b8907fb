import type { AdoptResult } from '../mailstore/mailstore.ts';
import { required, type StoreCommand, Usage } from './command.ts';

const SENTENCES: Readonly<Record<AdoptResult, string>> = {
  adopted: 'the account now belongs to this entry; its mail is delivered again within seconds',
  'was-so-already': 'the account belongs to this entry already',
  'no-such-account': 'there is no account of this address',
  'entry-has-account': 'this entry has an account of its own already; two are not made one',
};

export const account: StoreCommand = {
  usage: `account list                     all accounts: address, messages, octets, id of the directory
  account adopt ADDRESS --uuid ID  gives the account of an address, mail and all, to another entry of the directory`,
  migrates: false,
  async run(mailstore, input, print) {
    const [word, address, ...more] = input.words;
    if (word === 'list' && address === undefined) {
      for (const { address: own, messages, bytes, uuid } of await mailstore.maintenance.accounts()) {
        print([own === '' ? '-' : own, messages, bytes, uuid].join('\t'));
      }
      return 0;
    }
    if (word !== 'adopt' || address === undefined || more.length > 0) {
      throw new Usage('account knows the words: list; adopt ADDRESS --uuid ID');
    }
    const uuid = required(input, 'uuid').toLowerCase();
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) throw new Usage('--uuid is no entryUUID');
    const result = await mailstore.accounts.adopt({ address: address.toLowerCase(), uuid });
    print(SENTENCES[result]);
    return result === 'adopted' || result === 'was-so-already' ? 0 : 1;
  },
};
