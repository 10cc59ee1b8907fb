import type { Knex } from 'knex';
import {
  type BodiesOfMessages,
  COMMON_PARAMETERS,
  createProcedure,
  declarations,
  LEASED_ELSEWHERE,
  messageParameters,
  overQuota,
  storeMessages,
} from './message-procedures.ts';

/** Most messages that one CALL appends: there is a procedure for each count. */
const MOST_AT_ONCE = 4;

/** APPENDs of one message each into one mailbox: what store/mailstore/appends.ts does. */
const procedure =
  (count: number) =>
  (bodies: BodiesOfMessages): string =>
    `(
  IN p_account BIGINT UNSIGNED, IN p_mailbox BIGINT UNSIGNED, IN p_name VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  ${COMMON_PARAMETERS},
  ${messageParameters(count)}
)
SQL SECURITY INVOKER
BEGIN
  ${declarations(count)}
  ${bodies.kept(count)}
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
  ELSEIF ${overQuota(count)} THEN
    ROLLBACK;
    SELECT 'over-quota', 0, 0, 0;
  ELSE
    ${storeMessages(count, 'p_mailbox', bodies)}
    SET v_committing = TRUE;
    COMMIT;
    SELECT 'appended', v_uidvalidity, v_uid, v_modseq;
  END IF;
END`;

/** `append_message`, `append_2_messages` and so on, as they are in this version of the program: made anew by every migration that changes what they write. */
export async function appendMessage(knex: Knex): Promise<void> {
  for (let count = 1; count <= MOST_AT_ONCE; count++) {
    await createProcedure(knex, count === 1 ? 'append_message' : `append_${count}_messages`, procedure(count));
  }
}
