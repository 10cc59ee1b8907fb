import type { SqlContents } from './content.ts';
import { type Database, insertRows, integerList, type SqlValue } from './database.ts';
import { readPages } from './fetch-pages.ts';
import { KEY_COLUMNS, KEYS_VERSION, keyRow, unpackIds, unpackSortKeys } from './key-texts.ts';
import type { KeyTexts, KeyWants, MessageKeys, ThreadKeys } from './mailstore.ts';
import type { SentDates } from './sent-dates.ts';
import type { ThreadRows } from './thread-rows.ts';
import { Turns } from './turns.ts';
import { uidPages } from './uid-ranges.ts';

/** Messages whose keys are made together. */
const MAKE_PAGE = 500;
/** Narrow rows: a whole mailbox in few statements. */
const READ_PAGE = 50_000;

const NO_IDS: readonly string[] = [];
const NO_TEXTS: KeyTexts = {
  baseSubject: '',
  isReplyOrForward: false,
  from: '',
  to: '',
  cc: '',
  displayFrom: '',
  displayTo: '',
};

/**
 * Makes the keys of messages that have none yet. UIDs become visible in ascending order and keys are made in that order, so
 * that whatever lies at or below the highest UID with keys has keys; several nodes may do it at once.
 */
export async function ensureKeys(database: Database, contents: SqlContents, mailboxId: number): Promise<void> {
  const [made] = await database.rows('SELECT MAX(uid) FROM message_keys WHERE mailbox_id = ? AND version = ?', [
    mailboxId,
    KEYS_VERSION,
  ]);
  const missing = await database.rows('SELECT uid FROM message WHERE mailbox_id = ? AND uid > ? ORDER BY uid', [
    mailboxId,
    (made?.[0] ?? 0) as number,
  ]);
  if (missing.length === 0) return;
  if ((made?.[0] ?? null) === null) {
    await database.change('DELETE FROM message_keys WHERE mailbox_id = ? AND version <> ?', [mailboxId, KEYS_VERSION]);
  }
  const uids = missing.map(([uid]) => uid as number);
  const want = { headerFields: true, pageSize: MAKE_PAGE };
  const turns = new Turns();
  for await (const page of readPages(database, contents, mailboxId, uids, want)) {
    const rows: SqlValue[][] = [];
    for (const { uid, internalDateMs, headerFields } of page) {
      const row = keyRow(headerFields ?? Buffer.alloc(0));
      const sentAt = row.sentAtMs ?? internalDateMs;
      rows.push([mailboxId, KEYS_VERSION, uid, sentAt, ...row.searched, row.sortKeys, row.threadIds]);
      if (turns.isOver) await turns.letOthers();
    }
    await insertRows(
      database,
      `INSERT IGNORE INTO message_keys
       (mailbox_id, version, uid, sent_at, ${Object.values(KEY_COLUMNS).join(', ')}, sort_keys, thread_ids)`,
      rows,
    );
  }
}

/** What SORT and THREAD compare of these messages. */
export async function readKeys(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  want: KeyWants,
  dates: SentDates,
): Promise<MessageKeys[]> {
  if (want.arrival !== true && want.texts !== true && want.ids !== true) {
    return readDates(database, contents, mailboxId, uids, dates);
  }
  await ensureKeys(database, contents, mailboxId);
  const columns = [
    'k.uid',
    'k.sent_at',
    want.arrival === true ? 'm.internal_date, m.size' : '0, 0',
    want.texts === true ? 'k.sort_keys' : 'NULL',
    want.ids === true ? 'k.thread_ids' : 'NULL',
  ].join(', ');
  const joined = want.arrival === true ? 'JOIN message m ON m.mailbox_id = k.mailbox_id AND m.uid = k.uid' : '';
  const out: MessageKeys[] = [];
  for (const page of uidPages(uids, READ_PAGE)) {
    const rows = await database.rowsOnce(
      `SELECT ${columns} FROM message_keys k ${joined} WHERE ${ofMailbox(mailboxId, page.condition)} ORDER BY k.uid`,
    );
    const wanted = page.exact ? undefined : new Set(page.uids);
    type KeysRow = [number, number, number, number, Buffer | null, Buffer | null];
    for (const [uid, sentAtMs, internalDateMs, sizeBytes, sortKeys, threadIds] of rows as KeysRow[]) {
      if (wanted !== undefined && !wanted.has(uid)) continue;
      const { id, references } = threadIds === null ? { id: undefined, references: [] } : unpackIds(threadIds);
      const texts = sortKeys === null ? NO_TEXTS : unpackSortKeys(sortKeys);
      out.push({ uid, sentAtMs, internalDateMs, sizeBytes, texts, id, references });
    }
  }
  return out;
}

/** The dates alone, from memory; the database is asked for those of newer messages. */
async function readDates(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  dates: SentDates,
): Promise<MessageKeys[]> {
  if (uids.length === 0) return [];
  if ((uids[uids.length - 1] as number) > dates.upTo(mailboxId)) {
    await ensureKeys(database, contents, mailboxId);
    await dates.catchUp(mailboxId);
  }
  const out: MessageKeys[] = [];
  for (const [i, sentAtMs] of dates.of(mailboxId, uids).entries()) {
    if (sentAtMs === undefined) continue;
    const uid = uids[i] as number;
    out.push({ uid, sentAtMs, internalDateMs: 0, sizeBytes: 0, texts: NO_TEXTS, id: undefined, references: NO_IDS });
  }
  return out;
}

/** What THREAD compares, from memory; the database is asked for newer messages. */
export async function readThreadKeys(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  threads: ThreadRows,
): Promise<ThreadKeys> {
  const newer = uids.length > 0 && (uids[uids.length - 1] as number) > threads.upTo(mailboxId);
  if (newer) await ensureKeys(database, contents, mailboxId);
  return threads.of(mailboxId, uids, newer);
}

/** The same of messages that were read one by one: of several mailboxes. */
export function threadKeysOf(messages: readonly MessageKeys[]): ThreadKeys {
  const ids = new Map<string, number>();
  const subjects = new Map([['', 0]]);
  const numberIn = (numbers: Map<string, number>, text: string): number => {
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  };
  const starts = [0];
  const references: number[] = [];
  const columns = messages.map(({ id, references: named, texts }) => {
    for (const each of named) references.push(numberIn(ids, each));
    starts.push(references.length);
    return { id: id === undefined ? -1 : numberIn(ids, id), subject: numberIn(subjects, texts.baseSubject) };
  });
  return {
    count: messages.length,
    uids: Uint32Array.from(messages, ({ uid }) => uid),
    sentAtMs: Float64Array.from(messages, ({ sentAtMs }) => sentAtMs),
    arrivedAtMs: Float64Array.from(messages, ({ internalDateMs }) => internalDateMs),
    subjects: Uint32Array.from(columns, ({ subject }) => subject),
    subjectCount: subjects.size,
    replies: Uint8Array.from(messages, ({ texts }) => Number(texts.isReplyOrForward)),
    ids: Int32Array.from(columns, ({ id }) => id),
    idCount: ids.size,
    starts: Uint32Array.from(starts),
    references: Int32Array.from(references),
  };
}

/** UIDs among these whose field (one of KEY_COLUMNS) holds the pattern of LIKE; null asks whether it is there at all. */
export async function searchKeys(
  database: Database,
  contents: SqlContents,
  mailboxId: number,
  uids: ArrayLike<number>,
  texts: readonly { readonly column: string; readonly pattern: Buffer | null }[],
): Promise<number[]> {
  await ensureKeys(database, contents, mailboxId);
  const conditions = texts.map(({ column, pattern }) =>
    pattern === null ? `k.${column} IS NOT NULL` : `k.${column} LIKE ?`,
  );
  const values = texts.flatMap(({ pattern }) => (pattern === null ? [] : [pattern]));
  const found: number[] = [];
  for (const page of uidPages(uids, READ_PAGE)) {
    const rows = await database.rowsOnce(
      `SELECT k.uid FROM message_keys k
       WHERE ${ofMailbox(mailboxId, page.condition)} AND ${conditions.join(' AND ')} ORDER BY k.uid`,
      values,
    );
    const wanted = page.exact ? undefined : new Set(page.uids);
    for (const [uid] of rows as [number][]) if (wanted === undefined || wanted.has(uid)) found.push(uid);
  }
  return found;
}

function ofMailbox(mailboxId: number, uidCondition: string): string {
  const condition = uidCondition.replaceAll('uid ', 'k.uid ');
  return `k.mailbox_id = ${integerList([mailboxId])} AND k.version = ${KEYS_VERSION} AND ${condition}`;
}
