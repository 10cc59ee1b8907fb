/** Tables whose rows go with their mailbox (`mailbox_id`), beside its messages. */
export const TABLES_OF_MAILBOX = [
  'message_keyword',
  'message_keys',
  'message_change',
  'seen_by',
  'expunged',
  'mailbox_right',
  'setting',
] as const;

/** Tables whose rows go with their account (`account_id`), beside what belongs to its emails. */
export const TABLES_OF_ACCOUNT = [
  'thread_reference',
  'subscription',
  'keyword',
  'setting',
  'token',
  'sieve_script',
  'sieve_memory',
  'second_factor',
  'app_password',
  'import_record',
  'email',
] as const;

/** Tables whose rows go with their email (`account_id`, `email_no`). */
export const TABLES_OF_EMAIL = ['email_cache', 'search_text'] as const;
