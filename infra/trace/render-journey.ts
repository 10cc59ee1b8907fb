import type { Journey } from '@postern/shared/trace/journey.ts';
import type { LogLine } from '@postern/shared/trace/log-lines.ts';
import { renderTable } from '../demo/table.ts';

/** With time, tier and event a row is about 120 characters wide. */
const WHAT_WIDTH = 52;
const REPLY_WIDTH = 40;

/** A journey as text for a terminal: a heading, and one row an event. */
export function renderJourney(journey: Journey): string {
  const heading = [
    journey.deliveryId === undefined ? 'never accepted' : `queue id ${journey.deliveryId}`,
    journey.messageId === undefined ? undefined : `message id ${journey.messageId}`,
    `from ${clean(journey.from ?? '<>')} to ${clean(journey.to.join(', ') || '(nobody)')}`,
  ].filter((part) => part !== undefined);
  const rows = journey.lines.flatMap((line) => {
    const whats = wrap(what(line), WHAT_WIDTH);
    const replies = wrap(reply(line), REPLY_WIDTH);
    const first = [line.time.slice(11, 23), line.tier, line.event];
    return Array.from({ length: Math.max(whats.length, replies.length, 1) }, (_, n) => [
      ...(n === 0 ? first : ['', '', '']),
      whats[n] ?? '',
      replies[n] ?? '',
    ]);
  });
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
  if (line.event === 'refusal-handled') {
    add(f.by, (text) => (text === 'dsn' ? 'the sender is told' : 'into the quarantine mailbox'));
    add(f.as, (text) => `as ${text}`);
  }
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
  if (typeof text === 'string') return clean(text);
  return line.event === 'accepted' ? '250' : '';
}

/** Breaks text at spaces into lines of `width` characters at most; a longer word stays whole. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** Text from a peer must not steer the terminal. */
function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
