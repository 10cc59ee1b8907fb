import type { ArrivedContent } from './contents.ts';
import type { AppendMessage } from './messages.ts';

/** What brings mail from elsewhere: each message once, however often an import is run or broken off. */
export interface Imports {
  /** Where messages of this source are; by {@link itemKey}. Those that are not there have never been brought. */
  known(accountId: number, source: string, items: readonly string[]): Promise<Map<string, ImportedMessage>>;
  /** All messages of this source in a mailbox; by {@link itemKey}. */
  inMailbox(accountId: number, source: string, mailboxId: number): Promise<Map<string, ImportedMessage>>;
  /** Appends those that are not on record, and the record of each, in one transaction. Quotas have no say. */
  add(mailboxId: number, source: string, messages: readonly ImportMessage[]): Promise<AddImportedResult>;
  /** Notes that flags which changed at the source have been stored here. */
  followed(accountId: number, source: string, items: readonly string[], sourceFlags: Buffer): Promise<void>;
  /** Notes something else as done, such as a mailbox in the state that its name tells. */
  note(accountId: number, source: string, item: string, mailboxId: number): Promise<void>;
}

export interface ImportedMessage {
  readonly mailboxId: number;
  readonly uid: number;
  /** What `add` or `followed` was given last. */
  readonly sourceFlags: Buffer;
}

export interface ImportMessage extends Omit<AppendMessage, 'content'> {
  readonly content: ArrivedContent;
  /** Name of the message within its source, the same at every run. */
  readonly item: string;
  /** Eight octets that tell these flags from others: what a later run compares. */
  readonly sourceFlags: Buffer;
}

export type AddImportedResult =
  /** `withoutKeywords`: items whose keywords the account could not take. */
  | { readonly kind: 'added'; readonly count: number; readonly withoutKeywords: readonly string[] }
  | { readonly kind: 'no-such-mailbox' };
