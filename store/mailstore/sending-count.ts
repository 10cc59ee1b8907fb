import type { SendingLimits } from './mailstore.ts';
import type { Transaction } from './queued-transaction.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * Counts a message against its sender's limits, under the lock of the rows that count: exact, whoever else sends in the same name.
 * The limit that is passed, if one is: roll back then.
 */
export async function countSending(
  transaction: Transaction,
  countedAs: string,
  recipients: number,
  limits: SendingLimits,
  now: number,
): Promise<keyof SendingLimits | undefined> {
  const windows = [
    ['day', now - (now % DAY_MS)],
    ['minute', now - (now % MINUTE_MS)],
  ] as const;
  // Assignments work from left to right, so the window is moved last.
  await transaction.later(
    `INSERT INTO sending_count (counted_as, span, starts_at, messages, recipients) VALUES (?, ?, ?, 1, ?), (?, ?, ?, 1, ?)
     ON DUPLICATE KEY UPDATE messages = IF(starts_at = VALUES(starts_at), messages, 0) + 1,
       recipients = IF(starts_at = VALUES(starts_at), recipients, 0) + VALUES(recipients), starts_at = VALUES(starts_at)`,
    windows.flatMap(([span, startsAt]) => [countedAs, span, startsAt, recipients]),
  );
  const rows = await transaction.rows('SELECT span, messages, recipients FROM sending_count WHERE counted_as = ?', [
    countedAs,
  ]);
  const counted = new Map((rows as [string, number, number][]).map(([span, ...counts]) => [span, counts]));
  const [messagesToday = 0, recipientsToday = 0] = counted.get('day') ?? [];
  const [messagesNow = 0] = counted.get('minute') ?? [];
  if (isOver(messagesToday, limits.messagesPerDay)) return 'messagesPerDay';
  if (isOver(recipientsToday, limits.recipientsPerDay)) return 'recipientsPerDay';
  return isOver(messagesNow, limits.messagesPerMinute) ? 'messagesPerMinute' : undefined;
}

function isOver(count: number, limit: number): boolean {
  return limit > 0 && count > limit;
}
