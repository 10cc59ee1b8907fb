import type { Knex } from 'knex';

/**
 * Procedures that store one message without keywords whose body is one chunk, and commit: in one round trip what the store does in two. The order of locks is that of
 * the write rule: account, mailbox, then the rest; nothing waits for an account while it holds a body. They work on the rows of whoever calls them.
 *
 * A fault of COMMIT has the message `at COMMIT`: of it alone the caller cannot know what it did.
 */

/** What every such procedure is told of the process that calls it, and of a message; `p_account` stands before it. */
export const MESSAGE_PARAMETERS = `IN p_holder BIGINT, IN p_quota_bytes BIGINT, IN p_quota_messages BIGINT, IN p_now BIGINT,
  IN p_content BINARY(16), IN p_sha256 BINARY(32), IN p_size BIGINT UNSIGNED, IN p_encoding TINYINT UNSIGNED,
  IN p_header_bytes INT UNSIGNED, IN p_parts_version SMALLINT UNSIGNED, IN p_parts MEDIUMBLOB, IN p_chunk MEDIUMBLOB,
  IN p_flags SMALLINT UNSIGNED, IN p_unseen TINYINT, IN p_deleted TINYINT, IN p_internal_date BIGINT,
  IN p_cache_version SMALLINT UNSIGNED, IN p_sent_at BIGINT, IN p_envelope MEDIUMBLOB, IN p_bodystructure MEDIUMBLOB,
  IN p_header_fields MEDIUMBLOB, IN p_thread_hashes BLOB`;

/** The account's row is read into these, the mailbox's into `v_uidvalidity` and `v_uid`. */
export const DECLARATIONS = `DECLARE v_content BINARY(16);
  DECLARE v_modseq, v_email_no, v_thread, v_uidvalidity, v_uid BIGINT UNSIGNED;
  DECLARE v_bytes, v_messages, v_leased_to BIGINT;
  DECLARE v_at INT DEFAULT 1;
  DECLARE v_committing BOOLEAN DEFAULT FALSE;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    IF v_committing THEN RESIGNAL SET MESSAGE_TEXT = 'at COMMIT'; ELSE RESIGNAL; END IF;
  END;`;

/** A condition, once the account's row is read: another process must be asked before anybody writes. */
export const LEASED_ELSEWHERE = 'v_leased_to NOT IN (0, p_holder, -p_holder)';

/** Another one. */
export const OVER_QUOTA = `(p_quota_bytes > 0 AND v_bytes + p_size > p_quota_bytes)
      OR (p_quota_messages > 0 AND v_messages + 1 > p_quota_messages)`;

/** How a statement of a procedure comes by the body. */
export interface BodyOfMessage {
  /** What stands for it. */
  readonly value: string;
  /** To be done first. */
  readonly kept: string;
}

const AS_PARAMETER: BodyOfMessage = { value: 'p_chunk', kept: '' };
/**
 * MariaDB writes the value of every local variable that a statement names into the text of that statement, escaped, whether anything logs it or not: a fifth of all that a
 * message of 50 KB costs there. It does not do so with a user variable, nor where one is set within an expression. MySQL does it for no variable unless it logs.
 */
const AS_USER_VARIABLE: BodyOfMessage = {
  value: '@postern_body',
  kept: 'SET v_bytes = LENGTH(@postern_body := p_chunk);',
};

/**
 * Body, rows, counters and the change feed, under the locks of account and mailbox.
 *
 * ROW_COUNT() of INSERT … ON DUPLICATE KEY UPDATE is 1 for a new row and 2 for one that has changed; one that stays as it is may count as new
 * (CLIENT_FOUND_ROWS), so that the update has to change it.
 */
export const storeMessage = (
  mailbox: 'p_mailbox' | 'v_mailbox',
  body: BodyOfMessage,
): string => `INSERT INTO content (id, sha256, size, encoding, header_bytes, parts_version, parts, touched_at)
      VALUES (p_content, p_sha256, p_size, p_encoding, p_header_bytes, p_parts_version, p_parts, p_now)
      ON DUPLICATE KEY UPDATE touched_at = GREATEST(touched_at + 1, VALUES(touched_at));
    IF ROW_COUNT() = 1 THEN
      SET v_content = p_content;
      INSERT INTO content_chunk (content_id, n, data) VALUES (p_content, 0, ${body.value});
    ELSE
      SET v_content = (SELECT id FROM content WHERE sha256 = p_sha256);
    END IF;
    IF LENGTH(p_thread_hashes) = 16 THEN
      INSERT IGNORE INTO thread_reference (account_id, message_id_hash, thread_id)
        VALUES (p_account, p_thread_hashes, v_email_no);
      IF ROW_COUNT() = 0 THEN
        SET v_thread = (SELECT thread_id FROM thread_reference
          WHERE account_id = p_account AND message_id_hash = p_thread_hashes);
      END IF;
      SET v_thread = COALESCE(v_thread, v_email_no);
    ELSE
      WHILE v_at <= LENGTH(p_thread_hashes) AND v_thread IS NULL DO
        SET v_thread = (SELECT thread_id FROM thread_reference
          WHERE account_id = p_account AND message_id_hash = SUBSTRING(p_thread_hashes, v_at, 16));
        SET v_at = v_at + 16;
      END WHILE;
      SET v_thread = COALESCE(v_thread, v_email_no);
      SET v_at = 1;
      WHILE v_at <= LENGTH(p_thread_hashes) DO
        INSERT INTO thread_reference (account_id, message_id_hash, thread_id)
          VALUES (p_account, SUBSTRING(p_thread_hashes, v_at, 16), v_thread)
          ON DUPLICATE KEY UPDATE thread_id = thread_reference.thread_id;
        SET v_at = v_at + 16;
      END WHILE;
    END IF;
    INSERT INTO email (account_id, email_no, content_id, thread_id, modseq, copies)
      VALUES (p_account, v_email_no, v_content, v_thread, v_modseq, 1);
    INSERT INTO message (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
      VALUES (${mailbox}, v_uid, v_modseq, p_flags, 0, v_email_no, v_content, p_internal_date, p_now, p_size);
    INSERT INTO email_cache (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)
      VALUES (p_account, v_email_no, p_cache_version, p_sent_at, p_envelope, p_bodystructure, p_header_fields, p_thread_hashes);
    UPDATE account SET modseq = v_modseq, next_email_no = v_email_no + 1, bytes = bytes + p_size, n_msgs = n_msgs + 1
      WHERE id = p_account;
    UPDATE mailbox SET uidnext = v_uid + 1, highestmodseq = v_modseq, n_msgs = n_msgs + 1, n_unseen = n_unseen + p_unseen,
      n_deleted = n_deleted + p_deleted, bytes = bytes + p_size WHERE id = ${mailbox};
    INSERT INTO change_feed (bucket, account_id, mailbox_id, modseq)
      VALUES (UNIX_TIMESTAMP(), p_account, ${mailbox}, v_modseq) ON DUPLICATE KEY UPDATE modseq = VALUES(modseq);`;

/** Access denied to the database, to a command or a routine, for want of SUPER; not supported. */
const NOT_TO_BE_HAD = new Set([1044, 1142, 1227, 1235, 1370, 1419]);

/** Makes a procedure, or not: where a database has none, or the user may not make any, the store sends the statements itself. */
export async function createProcedure(
  knex: Knex,
  name: string,
  definition: (body: BodyOfMessage) => string,
): Promise<void> {
  const [[{ version }]] = await knex.raw('SELECT VERSION() AS version');
  const body = /mariadb/i.test(version) ? AS_USER_VARIABLE : AS_PARAMETER;
  try {
    await knex.raw(`DROP PROCEDURE IF EXISTS ${name}`);
    // A procedure keeps the mode that it was made in; the store's sessions have this one.
    await knex.raw("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'");
    await knex.raw(`CREATE PROCEDURE ${name}${definition(body)}`);
    await knex.raw('SET SESSION sql_mode = DEFAULT');
  } catch (fault) {
    if (!NOT_TO_BE_HAD.has((fault as { readonly errno?: number }).errno ?? 0)) throw fault;
  }
}
