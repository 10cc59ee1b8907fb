import { readDateTime } from './date-time.ts';
import type { ArgumentReader } from './lexer.ts';

/** A piece of a message that APPEND puts together (RFC 4469); the plain form has one text. */
export type AppendPart =
  | { readonly kind: 'text'; readonly bytes: Buffer }
  /** As the client wrote it. */
  | { readonly kind: 'url'; readonly url: string };

/** One message of APPEND (RFC 4466 §6 append-message); `Flags` is whatever the caller makes of their names. */
export interface AppendItem<Flags> {
  /** Undefined for none. */
  readonly flags: Flags | undefined;
  readonly internalDateMs: number | undefined;
  readonly parts: readonly AppendPart[];
}

/** Most pieces of one message. */
const MAX_PARTS = 1000;

/** `[(flags)] ["date"] data`, behind its space; `toFlags` turns names into flags. */
export function readAppendItem<Flags>(
  args: ArgumentReader,
  toFlags: (args: ArgumentReader, names: readonly string[]) => Flags,
): AppendItem<Flags> {
  let flags: Flags | undefined;
  if (args.peek() === '(') {
    flags = toFlags(
      args,
      args.list(() => args.flag()),
    );
    args.space();
  }
  let internalDateMs: number | undefined;
  if (args.peek() === '"') {
    internalDateMs = readDateTime(args);
    args.space();
  }
  return { flags, internalDateMs, parts: readData(args) };
}

function readData(args: ArgumentReader): AppendPart[] {
  if (args.offers('CATENATE') && args.take('CATENATE ')) {
    const parts = args.list((): AppendPart => {
      if (args.take('URL ')) return { kind: 'url', url: args.astring() };
      const bytes = readUtf8Message(args);
      if (bytes !== undefined) return { kind: 'text', bytes };
      args.expect('TEXT ');
      return { kind: 'text', bytes: readMessage(args) };
    }, true);
    return parts.length > MAX_PARTS ? args.fail('too many parts') : parts;
  }
  return [{ kind: 'text', bytes: readUtf8Message(args) ?? readMessage(args) }];
}

/** RFC 6855 §4: a message with UTF-8 in its header, or a part of one; undefined when something else comes next. */
function readUtf8Message(args: ArgumentReader): Buffer | undefined {
  if (!args.offers('UTF8=ACCEPT') || !args.take('UTF8 (')) return undefined;
  const bytes = readMessage(args);
  args.expect(')');
  return bytes;
}

/** RFC 3516 §4.4: NUL only in literal8. */
function readMessage(args: ArgumentReader): Buffer {
  const { bytes, binary } = args.literal();
  if (binary) args.require('BINARY', 'literal8');
  else if (bytes.includes(0)) args.fail('NUL in a message');
  return bytes;
}
