import type { Row } from './database.ts';
import type { DeliveryKey, RecordedDelivery } from './mailstore.ts';
import { replyOfColumn } from './reply-column.ts';
import type { SqlQuery } from './transaction.ts';

/** A recorded delivery with the hash that tells a repetition from a conflict. */
export interface KnownDelivery extends RecordedDelivery {
  readonly sha256: Buffer;
}

/** What tells deliveries apart. */
export function keyText(key: DeliveryKey): string {
  return `${key.peer}\n${key.deliveryId}\n${key.recipient}`;
}

/** The query for finished deliveries: see {@link recordedOf}. */
export function recordsOf(keys: readonly DeliveryKey[]): SqlQuery {
  const condition = keys.map(() => '(peer = ? AND delivery_id = ? AND recipient = ?)').join(' OR ');
  return {
    sql: `SELECT peer, delivery_id, recipient, sha256, outcome, reply, at FROM delivery WHERE ${condition}`,
    values: keys.flatMap((key) => [key.peer, Buffer.from(key.deliveryId, 'hex'), key.recipient]),
  };
}

/** Finished deliveries by {@link keyText}. */
export function recordedOf(rows: readonly Row[]): Map<string, KnownDelivery> {
  const found = new Map<string, KnownDelivery>();
  for (const [peer, id, recipient, sha256, outcome, line, at] of rows as [
    string,
    Buffer,
    string,
    Buffer,
    RecordedDelivery['outcome'],
    string,
    number,
  ][]) {
    const key = keyText({ peer, deliveryId: id.toString('hex'), recipient });
    found.set(key, { sha256, outcome, reply: replyOfColumn(line), at: new Date(at) });
  }
  return found;
}
