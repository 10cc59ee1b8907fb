import { decodeEncodedWords, decodeParameter } from '@postern/shared/message/encoded-word.ts';
import { type MimePart, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import { reply } from '@postern/shared/smtp/reply.ts';
import type { ContentRule } from '../inspection.ts';
import { ACCEPT, type Verdict } from '../policy/rule.ts';
import { type FileKind, fileKinds } from './file-kind.ts';
import type { ContentSettings } from './settings.ts';
import { zipEntries } from './zip-names.ts';

type AttachmentSettings = ContentSettings['attachments'];

/** One attachment, as far as the rules ask. */
export interface Attachment {
  /** Its own name, if it has one, then those inside of it. */
  readonly names: readonly string[];
  readonly kinds: readonly FileKind[];
}

const RULE = 'attachments';
const REFUSED = reply(550, '5.7.1', 'An attachment of this kind is not accepted here');
/** Parts of one message that are looked at, and octets that are decoded of all of them: bounded work. */
const MAX_PARTS = 500;
const MAX_DECODED_BYTES = 67_108_864;
/** Of a part that is no zip archive or Office file this much tells its kind. */
const START_OCTETS = 1_024;

/** Rules about attachments: by name (also of what a zip archive holds), and by what the content really is. */
export function attachmentRule(settings: AttachmentSettings): ContentRule {
  const patterns = settings.names.map((pattern) => ({ pattern, matches: wildcard(pattern) }));
  return {
    name: RULE,
    inspect: ({ content }) =>
      Promise.resolve({ verdict: decideAttachments(attachmentsOf(content, settings.insideZip), patterns, settings) }),
  };
}

export function decideAttachments(
  attachments: Iterable<Attachment>,
  patterns: readonly { readonly pattern: string; readonly matches: RegExp }[],
  settings: Pick<AttachmentSettings, 'types' | 'onFound'>,
): Verdict {
  for (const { names, kinds } of attachments) {
    const pattern = patterns.find(({ matches }) => names.some((name) => matches.test(name)))?.pattern;
    const kind = kinds.find((k) => settings.types.includes(k));
    if (pattern === undefined && kind === undefined) continue;
    // The name is the sender's content and stays out of the log; the rule tells enough.
    const reason = pattern === undefined ? `attachment is of kind ${kind}` : `attachment matches ${pattern}`;
    return settings.onFound === 'reject'
      ? { kind: 'reject', reply: REFUSED, reason }
      : { kind: settings.onFound, reason };
  }
  return ACCEPT;
}

/** The leaves of a message with what they are, one by one; a broken message gives what can be read of it. */
export function* attachmentsOf(content: Buffer, insideZip: boolean): Iterable<Attachment> {
  let left = MAX_DECODED_BYTES;
  let parts = 0;
  for (const part of leaves(scanMessage(content).root)) {
    if (parts++ >= MAX_PARTS) return;
    const raw = content.subarray(part.bodyStart, part.bodyEnd);
    const start = decoded(raw.subarray(0, START_OCTETS), part.encoding);
    const whole = needsWhole(start) && raw.length <= left ? decoded(raw, part.encoding) : start;
    left -= whole === start ? start.length : raw.length;
    const zip = zipEntries(whole);
    const name = nameOf(part);
    const inner = insideZip ? zip.map((entry) => entry.name) : [];
    yield { names: name === undefined ? inner : [name, ...inner], kinds: fileKinds(whole, zip) };
  }
}

function* leaves(part: MimePart): Iterable<MimePart> {
  if (part.children.length === 0) yield part;
  for (const child of part.children) yield* leaves(child);
}

function decoded(raw: Buffer, encoding: string): Buffer {
  return decodeTransfer(raw, encoding) ?? raw;
}

/** Zip archives have their directory at the end; macros of an OLE file lie anywhere. */
function needsWhole(start: Buffer): boolean {
  const octets = start.toString('latin1', 0, 4);
  return octets === 'PK\x03\x04' || octets === '\xd0\xcf\x11\xe0';
}

/** RFC 2183 §2.3 first; the older name parameter, and encoded words in either, as mail programs read them. */
function nameOf(part: MimePart): string | undefined {
  const name =
    (part.disposition === undefined ? undefined : decodeParameter(part.disposition.params, 'filename')) ??
    decodeParameter(part.params, 'name');
  return name === undefined ? undefined : decodeEncodedWords(name);
}

/** `*` and `?`; letters of either case; trailing dots and blanks count for nothing, as Windows has it. */
export function wildcard(pattern: string): RegExp {
  const source = [...pattern].map((c) =>
    c === '*' ? '[^]*' : c === '?' ? '[^]' : c.replace(/[\\^$.|+()[\]{}]/g, '\\$&'),
  );
  return new RegExp(`^${source.join('')}[. ]*$`, 'iu');
}
