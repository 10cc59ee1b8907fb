import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One event of a log, as shared/runtime/mail-events.ts writes it. Fields beyond these are kept in `fields`. */
export interface LogLine {
  /** ISO 8601 time, which sorts as text. */
  readonly time: string;
  readonly tier: string;
  readonly event: string;
  readonly session?: string | undefined;
  readonly deliveryId?: string | undefined;
  /** With its angle brackets, as in the header. */
  readonly messageId?: string | undefined;
  readonly from?: string | undefined;
  readonly to: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Parses one line; undefined for what is no event (a stack trace, a line cut short by a crash). */
export function parseLogLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A process that was killed leaves half a line: not an event.
    return undefined;
  }
  const fields = value as Record<string, unknown>;
  const { time, tier, event, session, deliveryId, messageId, from, to } = fields;
  if (typeof time !== 'string' || typeof event !== 'string') return undefined;
  return {
    time,
    tier: typeof tier === 'string' ? tier : '?',
    event,
    session: textOf(session),
    deliveryId: textOf(deliveryId),
    messageId: textOf(messageId),
    from: textOf(from),
    to: Array.isArray(to) ? to.filter((a) => typeof a === 'string') : typeof to === 'string' ? [to] : [],
    fields,
  };
}

/** The events of one log file, one by one: memory does not grow with the file. */
export async function* readLog(path: string): AsyncGenerator<LogLine> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const text of lines) {
    const line = parseLogLine(text);
    if (line !== undefined) yield line;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
