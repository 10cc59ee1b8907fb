import { createReadStream } from 'node:fs';
import { SourceFault } from './source.ts';

/** Larger ones are no mail; memory has an end. */
const MAX_MESSAGE_BYTES = 268_435_456;
/** `From`, a sender, and somewhere behind it a time and a year: a sentence that begins with the word has no such thing. */
const SEPARATOR = /^From \S.*\d{1,2}:\d{2}.*\b\d{4}\b/;

export interface RawMessage {
  /** The line that begins with `From `. */
  readonly separator: string;
  /** latin1, with their LF. */
  readonly lines: readonly string[];
}

/** Messages of a file, each by itself in memory. Rejects when the file does not begin with one. */
export async function* messagesOf(path: string): AsyncIterable<RawMessage> {
  let current: { separator: string; lines: string[]; octets: number } | undefined;
  let blank = true;
  for await (const line of linesOf(path)) {
    if (blank && SEPARATOR.test(line)) {
      if (current !== undefined) yield finished(current);
      current = { separator: line.trimEnd(), lines: [], octets: 0 };
    } else if (current === undefined) {
      if (line.trim() !== '') throw new SourceFault(`${path} is no mbox: it does not begin with a line "From "`);
    } else {
      // mboxrd: a line of the message that looks like a separator has one ">" more.
      current.lines.push(/^>+From /.test(line) ? line.slice(1) : line);
      current.octets += line.length;
      if (current.octets > MAX_MESSAGE_BYTES) throw new SourceFault(`${path} has a message that is too large`);
    }
    blank = line === '\n' || line === '\r\n';
  }
  if (current !== undefined) yield finished(current);
}

/** The empty line before the next separator belongs to the file. */
function finished({ separator, lines }: { separator: string; lines: string[] }): RawMessage {
  const last = lines.at(-1);
  return { separator, lines: last === '\n' || last === '\r\n' ? lines.slice(0, -1) : lines };
}

async function* linesOf(path: string): AsyncIterable<string> {
  let rest = '';
  for await (const piece of createReadStream(path, { encoding: 'latin1', highWaterMark: 262_144 })) {
    const text = rest + String(piece);
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      yield text.slice(from, end + 1);
      from = end + 1;
    }
    rest = text.slice(from);
    if (rest.length > MAX_MESSAGE_BYTES) throw new SourceFault(`${path} has a line that is too long`);
  }
  if (rest !== '') yield rest;
}
