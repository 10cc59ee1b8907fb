/** A literal that is written piece by piece: its size, and where its octets come from. */
export interface StreamedLiteral {
  readonly size: number;
  chunks(): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** What a command consists of: text of the grammar (latin1), and literals. */
export type CommandPart = string | Buffer | StreamedLiteral;

export type ImapCommand = readonly CommandPart[];

/** Text of the grammar that was made by this module, from values that cannot break out of it. */
export class Syntax {
  readonly parts: readonly CommandPart[];

  constructor(parts: readonly CommandPart[]) {
    this.parts = parts;
  }
}

/** A value that cannot be sent at all. */
export class UnsendableValue extends Error {}

export type CommandValue = string | number | Buffer | StreamedLiteral | Syntax;

/**
 * Builds a command. What stands in the template is grammar, what is put in is data: a string becomes a quoted string or a
 * literal, whatever it contains, a number its digits. So no name, search text or flag of a user can become a command.
 */
export function imap(texts: TemplateStringsArray, ...values: readonly CommandValue[]): ImapCommand {
  const parts: CommandPart[] = [];
  for (const [index, text] of texts.entries()) {
    addText(parts, text);
    const value = values[index];
    if (value !== undefined) for (const part of partsOf(value)) addPart(parts, part);
  }
  return parts;
}

/** A piece of a command for another one. */
export function piece(texts: TemplateStringsArray, ...values: readonly CommandValue[]): Syntax {
  return new Syntax(imap(texts, ...values));
}

export function joined(pieces: readonly CommandValue[], separator = ' '): Syntax {
  const parts: CommandPart[] = [];
  for (const [index, each] of pieces.entries()) {
    if (index > 0) addText(parts, separator);
    for (const part of partsOf(each)) addPart(parts, part);
  }
  return new Syntax(parts);
}

/** RFC 9051 §9 flag: a system flag that is known, or a keyword, which is an atom. */
export function flagName(name: string): Syntax {
  if (/^\\(?:Seen|Answered|Flagged|Deleted|Draft)$/.test(name)) return new Syntax([name]);
  if (!/^[A-Za-z0-9$_.+&!#'|~^:;,?/=@<>`[}-]{1,100}$/.test(name)) throw new UnsendableValue('not a keyword');
  return new Syntax([name]);
}

/** Numbers as a sequence set (RFC 9051 §9), runs put together. */
export function uidSet(uids: readonly number[]): Syntax {
  const sorted = [...uids].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    const first = digits(sorted[i] ?? 0);
    let end = i;
    while (end + 1 < sorted.length && (sorted[end + 1] ?? 0) <= (sorted[end] ?? 0) + 1) end += 1;
    const last = digits(sorted[end] ?? 0);
    ranges.push(first === last ? first : `${first}:${last}`);
    i = end + 1;
  }
  if (ranges.length === 0) throw new UnsendableValue('an empty set');
  return new Syntax([ranges.join(',')]);
}

function partsOf(value: CommandValue): readonly CommandPart[] {
  if (value instanceof Syntax) return value.parts;
  if (typeof value === 'number') return [digits(value)];
  if (typeof value !== 'string') return [value];
  if (value.includes('\0')) throw new UnsendableValue('a NUL');
  if (/^[\x20-\x7e]{0,900}$/.test(value)) return [`"${value.replace(/["\\]/g, '\\$&')}"`];
  return [Buffer.from(value, 'utf8')];
}

function digits(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new UnsendableValue('not a number');
  return String(value);
}

function addText(parts: CommandPart[], text: string): void {
  if (text === '') return;
  const last = parts.length - 1;
  if (typeof parts[last] === 'string') parts[last] = parts[last] + text;
  else parts.push(text);
}

function addPart(parts: CommandPart[], part: CommandPart): void {
  if (typeof part === 'string') addText(parts, part);
  else parts.push(part);
}
