/** How a table stands in a backup. The order of columns is the format: add at the end, never reorder. */
export interface BackupTable {
  readonly name: string;
  readonly columns: readonly BackupColumn[];
  /** Whose rows are read together: of an account (`account_id`), or of a mailbox, which is then the first column (`mailbox_id`). */
  readonly of: 'account' | 'mailbox';
  /** Columns that order rows within their owner, one or two: where the next page begins. */
  readonly key: readonly [string] | readonly [string, string];
}

/**
 * `plain` as it is; `big` 64 bits, as text; `content` the id of a body, as its SHA-256; `user` another account, as the id of its
 * entry (`anyone` for 0); `mailbox` the id of a mailbox (0: of the
 * account; −1: the mailbox of all mail).
 */
export interface BackupColumn {
  readonly name: string;
  readonly kind: 'plain' | 'big' | 'content' | 'user' | 'mailbox';
}

const plain = (...names: string[]): BackupColumn[] => names.map((name) => ({ name, kind: 'plain' }));
const big = (name: string): BackupColumn => ({ name, kind: 'big' });
const content: BackupColumn = { name: 'content_id', kind: 'content' };
const inMailbox: BackupColumn = { name: 'mailbox_id', kind: 'mailbox' };

/** Columns of the account itself, in the first row of a backup, after its id. */
export const ACCOUNT_COLUMNS = [
  'directory_uuid',
  'address',
  'modseq',
  'next_email_no',
  'next_uidvalidity',
  'bytes',
  'n_msgs',
  'created_at',
  'all_uidvalidity',
  'purged_floor',
  'rules_version',
] as const;

/** Columns of a mailbox, after its id. Deleted ones are among them: undelete survives a restore. */
export const MAILBOX_COLUMNS = [
  'name',
  'name_hash',
  'uidvalidity',
  'uidnext',
  'first_recent_uid',
  'highestmodseq',
  'vanished_floor',
  'n_msgs',
  'n_unseen',
  'n_deleted',
  'bytes',
  'special_use',
  'created_at',
  'deleted_at',
] as const;

/**
 * What follows, in this order: what names another thing comes after it. Not here: what is made again when it is needed
 * (`message_keys`, `search_text`, `message_change`), tokens, and what waits to be sent, which would go out twice.
 */
export const BACKUP_TABLES: readonly BackupTable[] = [
  { name: 'keyword', of: 'account', key: ['no'], columns: plain('no', 'name', 'folded') },
  { name: 'subscription', of: 'account', key: ['name_hash'], columns: plain('name_hash', 'name') },
  {
    name: 'sieve_script',
    of: 'account',
    key: ['name_hash'],
    columns: plain('name_hash', 'name', 'content', 'active', 'updated_at'),
  },
  { name: 'sieve_memory', of: 'account', key: ['key_hash'], columns: plain('key_hash', 'expires_at') },
  {
    name: 'setting',
    of: 'account',
    key: ['mailbox_id', 'entry'],
    columns: [inMailbox, ...plain('entry', 'value')],
  },
  { name: 'second_factor', of: 'account', key: ['account_id'], columns: plain('secret', 'created_at', 'last_step') },
  {
    name: 'app_password',
    of: 'account',
    key: ['name'],
    columns: plain('name', 'label', 'services', 'created_at', 'last_used_at'),
  },
  {
    name: 'thread_reference',
    of: 'account',
    key: ['message_id_hash'],
    columns: plain('message_id_hash', 'thread_id'),
  },
  {
    name: 'email',
    of: 'account',
    key: ['email_no'],
    columns: [...plain('email_no'), content, ...plain('thread_id', 'modseq', 'copies', 'expunged_at')],
  },
  {
    name: 'email_cache',
    of: 'account',
    key: ['email_no'],
    columns: plain('email_no', 'version', 'sent_at', 'envelope', 'bodystructure', 'header_fields', 'thread_hashes'),
  },
  {
    name: 'mailbox_right',
    of: 'mailbox',
    key: ['grantee_id', 'negative'],
    columns: [inMailbox, { name: 'grantee_id', kind: 'user' }, ...plain('negative', 'rights')],
  },
  {
    name: 'message',
    of: 'mailbox',
    key: ['uid'],
    columns: [
      inMailbox,
      ...plain('uid', 'modseq', 'flags'),
      big('keywords'),
      ...plain('email_no'),
      content,
      ...plain('internal_date', 'save_date', 'size'),
    ],
  },
  {
    name: 'message_keyword',
    of: 'mailbox',
    key: ['uid', 'keyword_no'],
    columns: [inMailbox, ...plain('uid', 'keyword_no')],
  },
  {
    name: 'expunged',
    of: 'mailbox',
    key: ['modseq', 'uid'],
    columns: [
      inMailbox,
      ...plain('modseq', 'uid', 'email_no'),
      content,
      ...plain('flags'),
      big('keywords'),
      ...plain('internal_date', 'save_date', 'size', 'at', 'by_user', 'reason'),
    ],
  },
  {
    name: 'seen_by',
    of: 'mailbox',
    key: ['user_id', 'uid'],
    columns: [inMailbox, { name: 'user_id', kind: 'user' }, ...plain('uid', 'seen', 'modseq')],
  },
  {
    name: 'import_record',
    of: 'account',
    key: ['source', 'item'],
    columns: [inMailbox, ...plain('source', 'item', 'uid', 'flags')],
  },
];

/** A table of older versions: its rows are passed over, and the texts that they hold made anew when they are read. */
export const TABLES_OF_OLD: ReadonlySet<string> = new Set(['message_cache']);

/** Where a column of a table stands in its rows. */
export function columnOf(table: string, column: string): number {
  const found = BACKUP_TABLES.find(({ name }) => name === table);
  const at = found?.columns.findIndex(({ name }) => name === column) ?? -1;
  if (at < 0) throw new Error(`a backup knows no column ${column} of ${table}`);
  return at;
}
