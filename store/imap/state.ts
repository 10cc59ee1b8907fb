import type { Account } from '@postern/shared/directory/directory.ts';
import type { TokenScope } from '@postern/shared/settings/token.ts';
import type { Rights } from '../mailstore/access-rights.ts';
import type { QuotaLimits, SelectedMailbox, StoredAccount } from '../mailstore/mailstore.ts';
import type { Numbering } from './message-set.ts';
import type { ReachedMailbox } from './namespaces.ts';
import type { ReadAhead } from './read-ahead/read-ahead.ts';
import type { SearchContext } from './search-context.ts';

/** RFC 9051 §3: what a session may do. Logout is no state here: the session's loop ends. */
export type State = 'not-authenticated' | 'authenticated' | 'selected';

/** Who has signed in. */
export interface SignedIn {
  readonly account: StoredAccount;
  readonly entry: Account;
  readonly quota: QuotaLimits;
  /** `watch`: a token that shows counts and no content. */
  readonly scope: TokenScope;
  /** When the password was given in this session; undefined when a token stood in for it. */
  readonly passwordAtMs: number | undefined;
}

/** The mailbox that SELECT or EXAMINE opened. */
export interface Selected extends Numbering {
  readonly view: SelectedMailbox;
  /** UIDs of the result that SEARCH saved last (RFC 5182). */
  saved: readonly number[];
  /** Searches whose results are kept up to date, by the tag of their command (RFC 5267 §4.3). */
  readonly contexts: Map<string, SearchContext>;
  readonly name: string;
  /** The mailbox, and whose it is. */
  readonly mailbox: ReachedMailbox;
  /** What the user may do; looked up again when somebody changed something (RFC 4314). */
  rights: Rights;
  /** EXAMINE: nothing in it changes, \Seen and \Recent included. */
  readonly readOnly: boolean;
  /** Somebody changed the mailbox since the client was told last. */
  stale: boolean;
  /** Called when `stale` becomes true: IDLE waits here. */
  wake: (() => void) | undefined;
  /** Messages read before the client asks for them. */
  readonly ahead: ReadAhead;
  /** Lets go of all of it when the mailbox is left. */
  readonly close: () => void;
}
