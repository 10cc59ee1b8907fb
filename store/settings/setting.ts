import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { MailboxInfo, Mailstore } from '../mailstore/mailstore.ts';

/** Whose setting, and of which mailbox (undefined: of the account). */
export interface SettingPlace {
  readonly mailstore: Mailstore;
  readonly accountId: number;
  readonly mailbox: MailboxInfo | undefined;
  /** Name of the verified certificate at the other end, of a trusted host. */
  readonly certificateName: string | undefined;
}

export type SettingOutcome = 'done' | { readonly kind: 'refused'; readonly code?: string; readonly why: string };

/** What an entry does when it is read and written. */
export interface SettingHandler {
  /** Full names and values, as far as there are any. */
  read(place: SettingPlace, entry: SettingEntry): Promise<{ readonly name: string; readonly value: Buffer }[]>;
  /** `name` is in lower case; undefined removes. */
  write(place: SettingPlace, name: string, value: Buffer | undefined): Promise<SettingOutcome>;
}
