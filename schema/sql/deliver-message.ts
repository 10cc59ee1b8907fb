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

/**
 * A delivery that comes alone, into one mailbox: what store/mailstore/batch-delivery.ts does. Whatever is not
 * the plain case (locked by somebody else, or leased to another process, on record already, no such mailbox, other rules) changes nothing and is `other`.
 */
const procedure = (bodies: BodiesOfMessages): string => `(
  IN p_peer VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, IN p_delivery_id BINARY(16),
  IN p_recipient VARCHAR(320) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, IN p_received_sha256 BINARY(32),
  IN p_outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin, IN p_reply VARCHAR(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  IN p_rules_version BIGINT UNSIGNED, IN p_account BIGINT UNSIGNED, IN p_name_hash BINARY(32),
  ${COMMON_PARAMETERS},
  ${messageParameters(1)}
)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_mailbox, v_rules_version BIGINT UNSIGNED;
  DECLARE v_name VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  ${declarations(1)}
  ${bodies.kept(1)}
  START TRANSACTION;
  SELECT modseq + 1, next_email_no, bytes, n_msgs, rules_version, leased_to
    INTO v_modseq, v_email_no, v_bytes, v_messages, v_rules_version, v_leased_to
    FROM account WHERE id = p_account FOR UPDATE SKIP LOCKED;
  SELECT id, name, uidvalidity, uidnext INTO v_mailbox, v_name, v_uidvalidity, v_uid FROM mailbox
    WHERE owner_id = p_account AND name_hash = p_name_hash AND deleted_at IS NULL FOR UPDATE;
  IF v_modseq IS NULL OR v_uid IS NULL OR ${LEASED_ELSEWHERE} OR v_rules_version <> COALESCE(p_rules_version, v_rules_version) OR EXISTS (
      SELECT 1 FROM delivery WHERE peer = p_peer AND delivery_id = p_delivery_id AND recipient = p_recipient) THEN
    ROLLBACK;
    SELECT 'other', 0, '', 0, 0, 0, 0;
  ELSEIF ${overQuota(1)} THEN
    ROLLBACK;
    SELECT 'over-quota', 0, '', 0, 0, 0, 0;
  ELSE
    ${storeMessages(1, 'v_mailbox', bodies)}
    INSERT INTO delivery (peer, delivery_id, recipient, sha256, outcome, reply, at)
      VALUES (p_peer, p_delivery_id, p_recipient, p_received_sha256, p_outcome, p_reply, p_now);
    SET v_committing = TRUE;
    COMMIT;
    SELECT 'delivered', v_mailbox, v_name, v_uidvalidity, v_uid, v_modseq, v_email_no;
  END IF;
END`;

/** As it is in this version of the program: made anew by every migration that changes what it writes. */
export function deliverMessage(knex: Knex): Promise<void> {
  return createProcedure(knex, 'deliver_message', procedure);
}
