import type { Account } from '@postern/shared/directory/directory.ts';
import type { QuotaLimits, SelectedMailbox, StoredAccount } from '../mailstore/mailstore.ts';

/** RFC 9051 §3: what a session may do. Logout is no state here: the session's loop ends. */
export type State = 'not-authenticated' | 'authenticated' | 'selected';

/** Who has signed in. */
export interface SignedIn {
  readonly account: StoredAccount;
  readonly entry: Account;
  readonly quota: QuotaLimits;
}

/** The mailbox that SELECT or EXAMINE opened. */
export interface Selected {
  readonly view: SelectedMailbox;
  readonly name: string;
  /** EXAMINE: nothing in it changes, \Seen and \Recent included. */
  readonly readOnly: boolean;
  /** Somebody changed the mailbox since the client was told last. */
  stale: boolean;
  /** Called when `stale` becomes true: IDLE waits here. */
  wake: (() => void) | undefined;
  readonly stopWatching: () => void;
}
