import type { Knex } from 'knex';
import {
  type BodyOfMessage,
  createProcedure,
  DECLARATIONS,
  LEASED_ELSEWHERE,
  MESSAGE_PARAMETERS,
  OVER_QUOTA,
  storeMessage,
} from './message-procedures.ts';

/** A single APPEND: what store/mailstore/appends.ts does. */
const procedure = (body: BodyOfMessage): string => `(
  IN p_account BIGINT UNSIGNED, IN p_mailbox BIGINT UNSIGNED, IN p_name VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  ${MESSAGE_PARAMETERS}
)
SQL SECURITY INVOKER
BEGIN
  ${DECLARATIONS}
  ${body.kept}
  START TRANSACTION;
  SELECT modseq + 1, next_email_no, bytes, n_msgs, leased_to INTO v_modseq, v_email_no, v_bytes, v_messages, v_leased_to
    FROM account WHERE id = p_account FOR UPDATE;
  SELECT uidvalidity, uidnext INTO v_uidvalidity, v_uid FROM mailbox
    WHERE id = p_mailbox AND owner_id = p_account AND deleted_at IS NULL AND (p_name IS NULL OR name = p_name) FOR UPDATE;
  IF v_modseq IS NULL OR v_uid IS NULL THEN
    ROLLBACK;
    SELECT 'no-such-mailbox', 0, 0, 0;
  ELSEIF ${LEASED_ELSEWHERE} THEN
    ROLLBACK;
    SELECT 'leased-elsewhere', 0, 0, 0;
  ELSEIF ${OVER_QUOTA} THEN
    ROLLBACK;
    SELECT 'over-quota', 0, 0, 0;
  ELSE
    ${storeMessage('p_mailbox', body)}
    SET v_committing = TRUE;
    COMMIT;
    SELECT 'appended', v_uidvalidity, v_uid, v_modseq;
  END IF;
END`;

/** As it is in this version of the program: made anew by every migration that changes what it writes. */
export function appendMessage(knex: Knex): Promise<void> {
  return createProcedure(knex, 'append_message', procedure);
}
