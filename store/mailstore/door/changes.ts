export interface Changes {
  /**
   * Calls `listener` after each committed change of the mailbox: at once when this process made it, within a second
   * when another did. It only wakes; what changed is learnt by SelectedMailbox.refresh(). Returns the way to stop.
   */
  watch(mailboxId: number, listener: () => void): () => void;
  /** The same for the list of mailboxes of an account, and any change in it. */
  watchAccount(accountId: number, listener: (mailboxId: number) => void): () => void;
}
