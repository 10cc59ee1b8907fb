import { readSubmissionRequest } from '@postern/shared/settings/submission.ts';
import type { SettingHandler, SettingPlace } from './setting.ts';

const clientIdOf = (entryName: string): string => entryName.slice(entryName.lastIndexOf('/') + 1);

const NO_HUB = { kind: 'refused', code: 'UNAVAILABLE', why: 'Nothing is sent from here' } as const;

/** Starts, tells and undoes the sending of messages that lie in the Outbox. */
export const submission: SettingHandler = {
  async read({ outbox, accountId }: SettingPlace, entry) {
    const states = (await outbox?.states(accountId)) ?? [];
    return states.map(({ clientId, state }) => ({
      name: entry.name.replace('*', clientId),
      value: Buffer.from(JSON.stringify(state)),
    }));
  },

  async write({ outbox, account }, name, value) {
    if (outbox === undefined) return NO_HUB;
    if (value === undefined) return outbox.undo(account, clientIdOf(name));
    const request = readSubmissionRequest(value);
    if (request === undefined) return { kind: 'refused', code: 'CANNOT', why: 'Not a request to send' };
    return outbox.submit(account, clientIdOf(name), request);
  },
};
