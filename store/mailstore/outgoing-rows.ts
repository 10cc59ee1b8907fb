import type { EnvelopeRecipient } from '@postern/shared/smtp/envelope.ts';
import type { Row, SqlRunner, SqlValue } from './database.ts';
import type {
  OutgoingCause,
  OutgoingDetails,
  OutgoingMessage,
  OutgoingRecipient,
  OutgoingState,
  OutgoingSummary,
  RecipientRoute,
  RecipientState,
  StoredAccount,
  SubmissionSource,
} from './mailstore.ts';
import { DATABASE_MS } from './outgoing-clock.ts';
import { insertRowsLater, type Transaction } from './queued-transaction.ts';
import { replyOfColumn } from './reply-column.ts';

/** Where a message to be sent comes from. */
export interface OutgoingOrigin {
  /** Key of the row. */
  readonly id: string;
  /** 32 hex digits: of the delivery that caused it, or its own. */
  readonly deliveryId: string;
  readonly accountId: number | null;
  readonly clientId?: string | undefined;
  readonly source?: SubmissionSource | undefined;
}

/** What `envelope` keeps, as JSON: whatever no statement looks for. */
type EnvelopeColumn = Omit<OutgoingMessage, 'cause' | 'content' | 'recipients' | 'releaseAt' | 'once'>;

/** A message to be sent, whose body lies in the database, or is written by the same transaction. */
export interface NewOutgoing {
  readonly origin: OutgoingOrigin;
  readonly message: OutgoingMessage;
  readonly contentId: Buffer;
}

/** What is to go at once is due by the database's clock, whatever this host's says. */
const INSERT_OUTGOING = `INSERT INTO outgoing (id, delivery_id, account_id, envelope, content_id, release_at, state, next_at, created_at,
    cause, client_id, source_mailbox_id, source_uidvalidity, source_uid)
  VALUES (?, ?, ?, ?, ?, ?, ?, COALESCE(?, ${DATABASE_MS}), ?, ?, ?, ?, ?, ?)`;

/** Queues the INSERTs of messages to be sent; they travel with what the transaction does next. */
export async function insertOutgoing(
  transaction: Transaction,
  messages: readonly NewOutgoing[],
  now: number,
): Promise<void> {
  for (const { origin, message, contentId } of messages) {
    const { cause, content: _c, recipients: _r, once: _o, releaseAt: given, ...envelope } = message;
    const releaseAt = given?.getTime();
    await transaction.later(INSERT_OUTGOING, [
      origin.id,
      Buffer.from(origin.deliveryId, 'hex'),
      origin.accountId,
      Buffer.from(JSON.stringify(envelope satisfies EnvelopeColumn)),
      contentId,
      releaseAt ?? now,
      'pending',
      releaseAt ?? null,
      now,
      cause,
      origin.clientId ?? null,
      origin.source?.mailboxId ?? null,
      origin.source?.uidValidity ?? null,
      origin.source?.uid ?? null,
    ]);
  }
  const recipients = messages.flatMap(({ origin, message }) =>
    message.recipients.map((recipient, i) => recipientRow(origin.id, i + 1, recipient, now)),
  );
  await insertRecipients(transaction, recipients);
}

export function insertRecipients(transaction: Transaction, rows: readonly SqlValue[][]): Promise<void> {
  return insertRowsLater(
    transaction,
    'INSERT INTO outgoing_recipient (outgoing_id, n, address, orcpt, notify, state, changed_at, route, route_group, route_store)',
    rows,
  );
}

export function recipientRow(
  id: string,
  n: number,
  { address, orcpt, notify }: EnvelopeRecipient,
  now: number,
  route: OutgoingRecipient['route'] = undefined,
): SqlValue[] {
  const given = [id, n, address, orcpt ?? null, notify?.join(',') ?? null, 'pending', now];
  return [...given, ...routeColumns(route)];
}

/** `route`, `route_group`, `route_store`. */
export function routeColumns(route: RecipientRoute | undefined): SqlValue[] {
  return [route?.kind ?? null, route?.kind === 'relay' ? route.group : 0, route?.kind === 'store' ? route.store : null];
}

function routeOf(kind: string | null, group: number, store: string | null): RecipientRoute | undefined {
  if (kind === null) return undefined;
  if (kind === 'store') return { kind, store: store ?? '' };
  return kind === 'local' ? { kind } : { kind: 'relay', group };
}

export const SUMMARY_COLUMNS = `o.id, o.cause, o.state, o.envelope, a.address, o.created_at, o.release_at, o.next_at, o.attempts,
  o.client_id, o.source_mailbox_id, o.source_uidvalidity, o.source_uid, o.finished_at, o.content_id, a.id, a.directory_uuid,
  (SELECT c.size FROM content c WHERE c.id = o.content_id)`;

/** What the columns say, beside the recipients. */
export interface OutgoingRow extends OutgoingSummary, Omit<OutgoingDetails, 'recipients'> {
  readonly envelope: EnvelopeColumn;
  readonly contentId: Buffer;
  readonly contentBytes: number;
  readonly account: StoredAccount | undefined;
}

export function outgoingOf(row: Row): OutgoingRow {
  const envelope = JSON.parse((row[3] as Buffer).toString()) as EnvelopeColumn;
  const source: SubmissionSource | undefined =
    row[12] === null
      ? undefined
      : { mailboxId: row[10] as number, uidValidity: row[11] as number, uid: row[12] as number };
  const address = (row[4] as string | null) ?? undefined;
  return {
    id: row[0] as string,
    cause: row[1] as OutgoingCause,
    state: row[2] as OutgoingState,
    reversePath: envelope.reversePath,
    envelope,
    accountAddress: address,
    createdAt: new Date(row[5] as number),
    releaseAt: new Date(row[6] as number),
    nextTryAt: new Date(row[7] as number),
    attempts: row[8] as number,
    clientId: (row[9] as string | null) ?? undefined,
    source,
    finishedAt: row[13] === null ? undefined : new Date(row[13] as number),
    contentId: row[14] as Buffer,
    contentBytes: Number(row[17] ?? 0),
    account: row[15] === null ? undefined : { id: row[15] as number, uuid: row[16] as string, address: address ?? '' },
  };
}

/** The recipients of messages, in their order. */
export async function recipientsOf(sql: SqlRunner, ids: readonly string[]): Promise<Map<string, OutgoingRecipient[]>> {
  const found = new Map<string, OutgoingRecipient[]>(ids.map((id) => [id, []]));
  if (ids.length === 0) return found;
  const rows = await sql.rowsOnce(
    `SELECT outgoing_id, n, address, orcpt, notify, state, reply, delay_warned, route, route_group, route_store FROM outgoing_recipient
     WHERE outgoing_id IN (${ids.map(() => '?').join(',')}) ORDER BY outgoing_id, n`,
    ids,
  );
  for (const row of rows) found.get(row[0] as string)?.push(recipientOf(row));
  return found;
}

function recipientOf(row: Row): OutgoingRecipient {
  const reply = row[6] as string | null;
  return {
    n: row[1] as number,
    address: row[2] as string,
    orcpt: (row[3] as string | null) ?? undefined,
    notify: ((row[4] as string | null)?.split(',') as EnvelopeRecipient['notify']) ?? undefined,
    state: row[5] as RecipientState,
    reply: reply === null ? undefined : replyOfColumn(reply),
    delayWarned: row[7] === 1,
    route: routeOf(row[8] as string | null, row[9] as number, row[10] as string | null),
  };
}
