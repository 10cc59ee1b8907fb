/**
 * Mailbox ids from here on are of no row: the mailbox of all mail of the account with the rest as id (RFC 6154 \All). Ids of
 * rows stay below, and a question about such an id to the tables finds nothing.
 */
export const FIRST_OF_ALL_MAIL = 2 ** 48;

/** The id of the mailbox of all mail of an account. */
export function allMailId(accountId: number): number {
  return FIRST_OF_ALL_MAIL + accountId;
}

/** The account whose mailbox of all mail has this id; undefined for a mailbox of the tables. */
export function accountOfAllMail(mailboxId: number): number | undefined {
  return mailboxId >= FIRST_OF_ALL_MAIL ? mailboxId - FIRST_OF_ALL_MAIL : undefined;
}
