import type { SettingEntry } from '@postern/shared/settings/entry.ts';
import type { FreshProof } from '@postern/shared/settings/second-factor.ts';
import type { ScriptLanguage } from '../delivery/rules/script-language.ts';
import type { Outbox } from '../hub/outbox.ts';
import type { MailboxInfo, Mailstore, StoredAccount } from '../mailstore/mailstore.ts';
import type { CredentialOwner, CredentialParts } from '../sign-in/credentials.ts';

/** Whose setting, and of which mailbox (undefined: of the account). */
export interface SettingPlace {
  readonly mailstore: Mailstore;
  readonly accountId: number;
  /** Who has signed in. */
  readonly account: StoredAccount;
  readonly mailbox: MailboxInfo | undefined;
  /** Name of the verified certificate at the other end, of a trusted host. */
  readonly certificateName: string | undefined;
  /** Undefined where no hub is configured. */
  readonly outbox: Outbox | undefined;
  /** By which scripts are judged. */
  readonly language: ScriptLanguage;
  /** Who signed in, and what it takes to change how they sign in. */
  readonly credentials: CredentialDesk;
}

/** Judges a password and code anew, and changes factors and app passwords (docs/sign-in.md). */
export interface CredentialDesk extends CredentialParts, CredentialOwner {
  /** The service is webmail's: the main password, with the code where there is a factor. Slowed down after failures. */
  prove(proof: FreshProof): Promise<'granted' | 'refused' | 'unavailable'>;
}

export type SettingOutcome = 'done' | { readonly kind: 'refused'; readonly code?: string; readonly why: string };

/** What an entry does when it is read and written. */
export interface SettingHandler {
  /**
   * Whether it may stand beside others that do something in a command, which is done whole or not at all: `put-back`, where what
   * is read is what was written; `fails-alike`, where what refuses one value to a session refuses all.
   */
  readonly together?: 'put-back' | 'fails-alike';
  /** Full names and values, as far as there are any. */
  read(place: SettingPlace, entry: SettingEntry): Promise<{ readonly name: string; readonly value: Buffer }[]>;
  /** `name` is in lower case; undefined removes. */
  write(place: SettingPlace, name: string, value: Buffer | undefined): Promise<SettingOutcome>;
}
