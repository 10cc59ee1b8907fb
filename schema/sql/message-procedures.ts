import type { Knex } from 'knex';

/**
 * Procedures that store messages without keywords whose bodies are one chunk each, and commit: in one round trip what the store does in two. The order of locks is that of
 * the write rule: account, mailbox, then the rest; nothing waits for an account while it holds a body. They work on the rows of whoever calls them.
 *
 * A fault of COMMIT has the message `at COMMIT`: of it alone the caller cannot know what it did.
 */

/** What every such procedure is told first of all, of the process that calls it and of limits: whose mail it is stands before it, {@link messageParameters} after it. */
export const COMMON_PARAMETERS = `IN p_holder BIGINT, IN p_quota_bytes BIGINT, IN p_quota_messages BIGINT, IN p_now BIGINT`;

/** What it is told of each of its messages. */
export const messageParameters = (count: number): string =>
  each(
    count,
    (
      n,
    ) => `IN p_content${n} BINARY(16), IN p_sha256${n} BINARY(32), IN p_size${n} BIGINT UNSIGNED, IN p_encoding${n} TINYINT UNSIGNED,
  IN p_header_bytes${n} INT UNSIGNED, IN p_parts_version${n} SMALLINT UNSIGNED, IN p_parts${n} MEDIUMBLOB, IN p_chunk${n} MEDIUMBLOB,
  IN p_flags${n} SMALLINT UNSIGNED, IN p_unseen${n} TINYINT, IN p_deleted${n} TINYINT, IN p_internal_date${n} BIGINT,
  IN p_cache_version${n} SMALLINT UNSIGNED, IN p_sent_at${n} BIGINT, IN p_envelope${n} MEDIUMBLOB, IN p_bodystructure${n} MEDIUMBLOB,
  IN p_header_fields${n} MEDIUMBLOB, IN p_thread_hashes${n} BLOB`,
    `,
  `,
  );

/** A text for each message, of the number that its parameters and variables end in; between them commas, if nothing else is said. */
function each(count: number, text: (n: number, before: number) => string, between = ', '): string {
  return Array.from({ length: count }, (_, i) => text(i + 1, i)).join(between);
}

/** The account's row is read into these, the mailbox's into `v_uidvalidity` and `v_uid`. */
export const declarations = (count: number): string => `DECLARE ${each(count, (n) => `v_content${n}`)} BINARY(16);
  DECLARE v_modseq, v_email_no, v_uidvalidity, v_uid, ${each(count, (n) => `v_thread${n}`)} BIGINT UNSIGNED;
  DECLARE v_bytes, v_messages, v_leased_to BIGINT;
  DECLARE v_at INT;
  DECLARE v_committing BOOLEAN DEFAULT FALSE;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    IF v_committing THEN RESIGNAL SET MESSAGE_TEXT = 'at COMMIT'; ELSE RESIGNAL; END IF;
  END;`;

/** A condition, once the account's row is read: another process must be asked before anybody writes. */
export const LEASED_ELSEWHERE = 'v_leased_to NOT IN (0, p_holder, -p_holder)';

const sum = (count: number, parameter: string): string => each(count, (n) => `${parameter}${n}`, ' + ');

/** Another one. */
export const overQuota = (
  count: number,
): string => `(p_quota_bytes > 0 AND v_bytes + ${sum(count, 'p_size')} > p_quota_bytes)
      OR (p_quota_messages > 0 AND v_messages + ${count} > p_quota_messages)`;

/** How the statements of a procedure come by the bodies. */
export interface BodiesOfMessages {
  /** What stands for that of a message. */
  value(n: number): string;
  /** To be done first. */
  kept(count: number): string;
}

const AS_PARAMETERS: BodiesOfMessages = { value: (n) => `p_chunk${n}`, kept: () => '' };
/**
 * MariaDB writes the value of every local variable that a statement names into the text of that statement, escaped, whether anything logs it or not: a fifth of all that a
 * message of 50 KB costs there. It does not do so with a user variable, nor where one is set within an expression. MySQL does it for no variable unless it logs.
 */
const AS_USER_VARIABLES: BodiesOfMessages = {
  value: (n) => `@postern_body${n}`,
  kept: (count) => `SET v_bytes = ${each(count, (n) => `LENGTH(@postern_body${n} := p_chunk${n})`, ' + ')};`,
};

/**
 * Bodies, rows, counters and the change feed, under the locks of account and mailbox.
 *
 * ROW_COUNT() of INSERT … ON DUPLICATE KEY UPDATE is 1 for each new row and 2 for each that has changed; one that stays as it is may count as new
 * (CLIENT_FOUND_ROWS), so that the update has to change it.
 */
export const storeMessages = (
  count: number,
  mailbox: 'p_mailbox' | 'v_mailbox',
  bodies: BodiesOfMessages,
): string => `INSERT INTO content (id, sha256, size, encoding, header_bytes, parts_version, parts, touched_at)
      VALUES ${each(count, (n) => `(p_content${n}, p_sha256${n}, p_size${n}, p_encoding${n}, p_header_bytes${n}, p_parts_version${n}, p_parts${n}, p_now)`)}
      ON DUPLICATE KEY UPDATE touched_at = GREATEST(touched_at + 1, VALUES(touched_at));
    IF ROW_COUNT() = ${count} THEN
      SET ${each(count, (n) => `v_content${n} = p_content${n}`)};
      INSERT INTO content_chunk (content_id, n, data) VALUES ${each(count, (n) => `(p_content${n}, 0, ${bodies.value(n)})`)};
    ELSE
      ${each(count, (n) => knownBody(n, count, bodies), '\n      ')}
    END IF;
    ${each(count, threadOf, '\n    ')}
    INSERT INTO email (account_id, email_no, content_id, thread_id, modseq, copies)
      VALUES ${each(count, (n, before) => `(p_account, v_email_no + ${before}, v_content${n}, v_thread${n}, v_modseq, 1)`)};
    INSERT INTO message (mailbox_id, uid, modseq, flags, keywords, email_no, content_id, internal_date, save_date, size)
      VALUES ${each(count, (n, before) => `(${mailbox}, v_uid + ${before}, v_modseq, p_flags${n}, 0, v_email_no + ${before}, v_content${n}, p_internal_date${n}, p_now, p_size${n})`)};
    INSERT INTO email_cache (account_id, email_no, version, sent_at, envelope, bodystructure, header_fields, thread_hashes)
      VALUES ${each(count, (n, before) => `(p_account, v_email_no + ${before}, p_cache_version${n}, p_sent_at${n}, p_envelope${n}, p_bodystructure${n}, p_header_fields${n}, p_thread_hashes${n})`)};
    UPDATE account SET modseq = v_modseq, next_email_no = v_email_no + ${count}, bytes = bytes + ${sum(count, 'p_size')}, n_msgs = n_msgs + ${count}
      WHERE id = p_account;
    UPDATE mailbox SET uidnext = v_uid + ${count}, highestmodseq = v_modseq, n_msgs = n_msgs + ${count}, n_unseen = n_unseen + ${sum(count, 'p_unseen')},
      n_deleted = n_deleted + ${sum(count, 'p_deleted')}, bytes = bytes + ${sum(count, 'p_size')} WHERE id = ${mailbox};
    INSERT INTO change_feed (bucket, account_id, mailbox_id, modseq)
      VALUES (UNIX_TIMESTAMP(), p_account, ${mailbox}, v_modseq) ON DUPLICATE KEY UPDATE modseq = VALUES(modseq);`;

/** The row of a body where one of them was there before: of a lone one it was. */
function knownBody(n: number, count: number, bodies: BodiesOfMessages): string {
  const known = `SET v_content${n} = (SELECT id FROM content WHERE sha256 = p_sha256${n});`;
  if (count === 1) return known;
  return `${known}
      IF v_content${n} = p_content${n} THEN
        INSERT INTO content_chunk (content_id, n, data) VALUES (p_content${n}, 0, ${bodies.value(n)});
      END IF;`;
}

/** The thread of a message, which it shares with those before it (RFC 8474 §5.2). */
const threadOf = (n: number, before: number): string => `IF LENGTH(p_thread_hashes${n}) = 16 THEN
      INSERT IGNORE INTO thread_reference (account_id, message_id_hash, thread_id)
        VALUES (p_account, p_thread_hashes${n}, v_email_no + ${before});
      IF ROW_COUNT() = 0 THEN
        SET v_thread${n} = (SELECT thread_id FROM thread_reference
          WHERE account_id = p_account AND message_id_hash = p_thread_hashes${n});
      END IF;
      SET v_thread${n} = COALESCE(v_thread${n}, v_email_no + ${before});
    ELSE
      SET v_at = 1;
      WHILE v_at <= LENGTH(p_thread_hashes${n}) AND v_thread${n} IS NULL DO
        SET v_thread${n} = (SELECT thread_id FROM thread_reference
          WHERE account_id = p_account AND message_id_hash = SUBSTRING(p_thread_hashes${n}, v_at, 16));
        SET v_at = v_at + 16;
      END WHILE;
      SET v_thread${n} = COALESCE(v_thread${n}, v_email_no + ${before});
      SET v_at = 1;
      WHILE v_at <= LENGTH(p_thread_hashes${n}) DO
        INSERT INTO thread_reference (account_id, message_id_hash, thread_id)
          VALUES (p_account, SUBSTRING(p_thread_hashes${n}, v_at, 16), v_thread${n})
          ON DUPLICATE KEY UPDATE thread_id = thread_reference.thread_id;
        SET v_at = v_at + 16;
      END WHILE;
    END IF;`;

/** Access denied to the database, to a command or a routine, for want of SUPER; not supported. */
const NOT_TO_BE_HAD = new Set([1044, 1142, 1227, 1235, 1370, 1419]);

/** Makes a procedure, or not: where a database has none, or the user may not make any, the store sends the statements itself. */
export async function createProcedure(
  knex: Knex,
  name: string,
  definition: (bodies: BodiesOfMessages) => string,
): Promise<void> {
  const [[{ version }]] = await knex.raw('SELECT VERSION() AS version');
  const bodies = /mariadb/i.test(version) ? AS_USER_VARIABLES : AS_PARAMETERS;
  try {
    await knex.raw(`DROP PROCEDURE IF EXISTS ${name}`);
    // A procedure keeps the mode that it was made in; the store's sessions have this one.
    await knex.raw("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'");
    await knex.raw(`CREATE PROCEDURE ${name}${definition(bodies)}`);
    await knex.raw('SET SESSION sql_mode = DEFAULT');
  } catch (fault) {
    if (!NOT_TO_BE_HAD.has((fault as { readonly errno?: number }).errno ?? 0)) throw fault;
  }
}
