/**
 * Counts anew how many messages and rows of `expunged` name each email of an account (`copies`). An email that nothing names ends.
 *
 * Parameters: the account's id, twice; the time; the account's id.
 */
export const COUNT_REFERENCES = `UPDATE email e LEFT JOIN (SELECT email_no, COUNT(*) AS n FROM (
    SELECT m.email_no FROM mailbox b JOIN message m ON m.mailbox_id = b.id WHERE b.owner_id = ?
    UNION ALL SELECT x.email_no FROM mailbox b JOIN expunged x ON x.mailbox_id = b.id WHERE b.owner_id = ?
  ) AS named GROUP BY email_no) AS c ON c.email_no = e.email_no
  SET e.copies = COALESCE(c.n, 0), e.expunged_at = IF(c.n > 0, NULL, COALESCE(e.expunged_at, ?))
  WHERE e.account_id = ? AND e.copies <> COALESCE(c.n, 0)`;
