import { renderTable } from '../demo/table.ts';
import type { Journey } from './journey.ts';
import type { LogLine } from './log-lines.ts';

/** A journey as text for a terminal: a heading, and one row an event. */
export function renderJourney(journey: Journey): string {
  const heading = [
    journey.deliveryId === undefined ? 'never accepted' : `queue id ${journey.deliveryId}`,
    journey.messageId === undefined ? undefined : `message id ${journey.messageId}`,
    `from ${clean(journey.from ?? '<>')} to ${clean(journey.to.join(', ') || '(nobody)')}`,
  ].filter((part) => part !== undefined);
  const rows = journey.lines.map((line) => [line.time.slice(11, 23), line.tier, line.event, what(line), reply(line)]);
  return `${heading.join('\n')}\n${renderTable(['time', 'tier', 'event', 'what', 'reply'], rows)}`;
}

/** What happened, in a few words; the fields are those of shared/runtime/mail-events.ts. */
function what(line: LogLine): string {
  const f = line.fields;
  const parts: string[] = [];
  const add = (value: unknown, show: (text: string) => string): void => {
    if (typeof value === 'string' ? value !== '' : typeof value === 'number') parts.push(show(clean(String(value))));
  };
  add(f.service, (text) => text);
  add(f.client, (text) => `client ${text}`);
  add(f.stage, (text) => `at ${text}`);
  if (line.to.length > 0) parts.push(`to ${clean(line.to.join(', '))}`);
  add(f.next, (text) => `by ${text}`);
  add(f.mailbox, (text) => `in ${text}`);
  add(f.uid, (text) => `UID ${text}`);
  add(f.bytes, (text) => `${text} octets`);
  if (f.duplicate === true) parts.push('again: nothing stored');
  add(f.cause, (text) => `because ${text}`);
  add(f.tookMs, (text) => `${Math.round(Number(text))} ms`);
  return parts.join(', ');
}

function reply(line: LogLine): string {
  const text = line.fields.reply;
  return typeof text === 'string' ? clean(text) : '';
}

/** Text from a peer must not steer the terminal. */
function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
