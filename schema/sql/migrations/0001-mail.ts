import type { Knex } from 'knex';

/**
 * The tables of mail; schema/sql/README.md explains each. Statements can be repeated (IF NOT EXISTS), because neither
 * MySQL nor MariaDB rolls a CREATE TABLE back when a migration breaks off.
 *
 * Text that people compare by eye is utf8mb4_bin: the program folds and normalises, never a collation, so that MySQL
 * and MariaDB, and any two versions of them, agree about what is equal.
 */
const TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS account (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    directory_uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    address VARCHAR(320) NULL,
    modseq BIGINT UNSIGNED NOT NULL DEFAULT 1,
    next_email_no BIGINT UNSIGNED NOT NULL DEFAULT 1,
    next_uidvalidity INT UNSIGNED NOT NULL,
    bytes BIGINT NOT NULL DEFAULT 0,
    n_msgs BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY account_directory_uuid (directory_uuid),
    UNIQUE KEY account_address (address)
  )`,
  `CREATE TABLE IF NOT EXISTS mailbox (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    owner_id BIGINT UNSIGNED NOT NULL,
    name VARCHAR(1000) NOT NULL,
    name_hash BINARY(32) NULL,
    uidvalidity INT UNSIGNED NOT NULL,
    uidnext BIGINT UNSIGNED NOT NULL DEFAULT 1,
    first_recent_uid BIGINT UNSIGNED NOT NULL DEFAULT 1,
    highestmodseq BIGINT UNSIGNED NOT NULL DEFAULT 1,
    vanished_floor BIGINT UNSIGNED NOT NULL DEFAULT 0,
    n_msgs BIGINT NOT NULL DEFAULT 0,
    n_unseen BIGINT NOT NULL DEFAULT 0,
    n_deleted BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    special_use VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY mailbox_owner_name (owner_id, name_hash),
    KEY mailbox_deleted_at (deleted_at)
  )`,
  `CREATE TABLE IF NOT EXISTS subscription (
    account_id BIGINT UNSIGNED NOT NULL,
    name_hash BINARY(32) NOT NULL,
    name VARCHAR(1000) NOT NULL,
    PRIMARY KEY (account_id, name_hash)
  )`,
  `CREATE TABLE IF NOT EXISTS keyword (
    account_id BIGINT UNSIGNED NOT NULL,
    no INT UNSIGNED NOT NULL,
    name VARCHAR(255) NOT NULL,
    folded VARCHAR(255) NOT NULL,
    PRIMARY KEY (account_id, no),
    UNIQUE KEY keyword_folded (account_id, folded)
  )`,
  `CREATE TABLE IF NOT EXISTS email (
    account_id BIGINT UNSIGNED NOT NULL,
    email_no BIGINT UNSIGNED NOT NULL,
    content_id BINARY(16) NOT NULL,
    thread_id BIGINT UNSIGNED NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    copies INT NOT NULL,
    expunged_at BIGINT NULL,
    PRIMARY KEY (account_id, email_no),
    KEY email_content (content_id),
    KEY email_expunged_at (expunged_at)
  )`,
  `CREATE TABLE IF NOT EXISTS thread_reference (
    account_id BIGINT UNSIGNED NOT NULL,
    message_id_hash BINARY(16) NOT NULL,
    thread_id BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (account_id, message_id_hash)
  )`,
  `CREATE TABLE IF NOT EXISTS message (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    flags SMALLINT UNSIGNED NOT NULL,
    keywords BIGINT UNSIGNED NOT NULL DEFAULT 0,
    email_no BIGINT UNSIGNED NOT NULL,
    content_id BINARY(16) NOT NULL,
    internal_date BIGINT NOT NULL,
    save_date BIGINT NOT NULL,
    size BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (mailbox_id, uid),
    KEY message_modseq (mailbox_id, modseq, uid, flags, keywords),
    KEY message_email (email_no, mailbox_id)
  )`,
  `CREATE TABLE IF NOT EXISTS message_keyword (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    keyword_no INT UNSIGNED NOT NULL,
    PRIMARY KEY (mailbox_id, uid, keyword_no)
  )`,
  `CREATE TABLE IF NOT EXISTS message_cache (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    version SMALLINT UNSIGNED NOT NULL,
    sent_at BIGINT NULL,
    envelope MEDIUMBLOB NOT NULL,
    bodystructure MEDIUMBLOB NOT NULL,
    header_fields MEDIUMBLOB NOT NULL,
    sort_keys BLOB NULL,
    thread_hashes BLOB NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
  )`,
  `CREATE TABLE IF NOT EXISTS search_text (
    account_id BIGINT UNSIGNED NOT NULL,
    email_no BIGINT UNSIGNED NOT NULL,
    version SMALLINT UNSIGNED NOT NULL,
    header_text MEDIUMBLOB NOT NULL,
    body_text LONGBLOB NOT NULL,
    PRIMARY KEY (account_id, email_no)
  )`,
  `CREATE TABLE IF NOT EXISTS expunged (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    email_no BIGINT UNSIGNED NOT NULL,
    content_id BINARY(16) NOT NULL,
    flags SMALLINT UNSIGNED NOT NULL,
    keywords BIGINT UNSIGNED NOT NULL,
    internal_date BIGINT NOT NULL,
    save_date BIGINT NOT NULL,
    size BIGINT UNSIGNED NOT NULL,
    at BIGINT NOT NULL,
    by_user VARCHAR(320) NOT NULL,
    reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, uid),
    KEY expunged_at (at)
  )`,
  `CREATE TABLE IF NOT EXISTS seen_by (
    mailbox_id BIGINT UNSIGNED NOT NULL,
    user_id BIGINT UNSIGNED NOT NULL,
    uid INT UNSIGNED NOT NULL,
    seen TINYINT NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (mailbox_id, user_id, uid)
  )`,
  `CREATE TABLE IF NOT EXISTS content (
    id BINARY(16) NOT NULL,
    sha256 BINARY(32) NOT NULL,
    size BIGINT UNSIGNED NOT NULL,
    header_bytes INT UNSIGNED NOT NULL,
    encoding TINYINT UNSIGNED NOT NULL DEFAULT 0,
    parts_version SMALLINT UNSIGNED NOT NULL,
    parts MEDIUMBLOB NOT NULL,
    preview VARCHAR(256) NULL,
    touched_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY content_sha256 (sha256),
    KEY content_touched_at (touched_at)
  )`,
  `CREATE TABLE IF NOT EXISTS content_chunk (
    content_id BINARY(16) NOT NULL,
    n INT UNSIGNED NOT NULL,
    data MEDIUMBLOB NOT NULL,
    PRIMARY KEY (content_id, n)
  )`,
  `CREATE TABLE IF NOT EXISTS delivery (
    peer VARCHAR(255) NOT NULL,
    delivery_id BINARY(16) NOT NULL,
    recipient VARCHAR(320) NOT NULL,
    sha256 BINARY(32) NOT NULL,
    outcome VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reply VARCHAR(600) NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (peer, delivery_id, recipient),
    KEY delivery_at (at)
  )`,
  `CREATE TABLE IF NOT EXISTS outgoing (
    id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    delivery_id BINARY(16) NOT NULL,
    account_id BIGINT UNSIGNED NULL,
    envelope MEDIUMBLOB NOT NULL,
    content_id BINARY(16) NOT NULL,
    release_at BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempts INT UNSIGNED NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    claimed_by VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    claimed_until BIGINT NULL,
    last_reply VARCHAR(600) NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY outgoing_due (state, next_at),
    KEY outgoing_content (content_id)
  )`,
  `CREATE TABLE IF NOT EXISTS change_feed (
    bucket INT UNSIGNED NOT NULL,
    account_id BIGINT UNSIGNED NOT NULL,
    mailbox_id BIGINT UNSIGNED NOT NULL,
    modseq BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (bucket, account_id, mailbox_id)
  )`,
];

const TABLE_OPTIONS = 'ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

export async function up(knex: Knex): Promise<void> {
  for (const table of TABLES) await knex.raw(`${table} ${TABLE_OPTIONS}`);
}

/** Mail is never dropped by a migration: whoever wants that drops the database. */
export async function down(): Promise<void> {
  throw new Error('the first migration cannot be undone: it would drop all mail');
}
