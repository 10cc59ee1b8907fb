import { type Reply, reply, replyLine } from '@postern/shared/smtp/reply.ts';

/** As long as the column. */
const MAX_LENGTH = 600;

/** A reply as the tables keep it. */
export function replyColumn(given: Reply): string {
  return replyLine(given).slice(0, MAX_LENGTH);
}

/** Reads what {@link replyColumn} wrote. */
export function replyOfColumn(line: string): Reply {
  const match = /^(\d{3}) (?:(\d\.\d{1,3}\.\d{1,3}) )?(.*)$/s.exec(line);
  if (match === null) return reply(451, '4.3.0', 'The outcome of this delivery cannot be read');
  return reply(Number(match[1]), match[2] ?? '', match[3] ?? '');
}
