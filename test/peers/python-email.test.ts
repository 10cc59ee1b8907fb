import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mailboxesOf, parseAddressList } from '@postern/shared/message/address.ts';
import { parseDate } from '@postern/shared/message/date.ts';
import { decodeEncodedWords, decodeParameter } from '@postern/shared/message/encoded-word.ts';
import { fieldValue, hasName, headerValue } from '@postern/shared/message/header.ts';
import { type MimePart, type ScannedMessage, scanMessage } from '@postern/shared/message/mime-structure.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpus } from '../corpus/corpus.ts';

/** What python3's `email` package, which nobody here wrote, reads from each message of the corpus. */
interface PeerView {
  readonly subject: string | null;
  readonly addresses: readonly [name: string, address: string][];
  readonly date: number | null;
  readonly parts: readonly { type: string; filename: string | null; sha256: string | null }[];
}

const SCRIPT = `
# Empty fields are left out: some versions of getaddresses then give up all the others.
import sys, json, os, hashlib, email, email.policy
from email.header import decode_header, make_header
from email.utils import getaddresses, parsedate_to_datetime
def text(v):
    return None if v is None else str(make_header(decode_header(v.replace('\\r\\n', '').replace('\\n', '').strip())))
out = {}
for name in os.listdir(sys.argv[1]):
    m = email.message_from_bytes(open(os.path.join(sys.argv[1], name), 'rb').read())
    parts = []
    for p in m.walk():
        leaf = not p.is_multipart()
        body = p.get_payload(decode=True) if leaf else None
        fn = p.get_filename()
        parts.append({'type': p.get_content_type(), 'filename': fn, 'sha256': hashlib.sha256(body).hexdigest() if leaf else None})
    try:
        date = parsedate_to_datetime(m['date']).timestamp() * 1000
    except Exception:
        date = None
    fields = [str(v).replace('\\r\\n', '').replace('\\n', '') for f in ('from', 'to', 'cc', 'bcc', 'reply-to') for v in m.get_all(f, []) if str(v).strip()]
    try:
        subject = text(m['subject'])
    except Exception:
        subject = None
    out[name] = {'subject': subject, 'addresses': [a for a in getaddresses(fields) if a != ('', '')], 'date': date, 'parts': parts}
json.dump(out, sys.stdout)
`;

/** Where the two differ, and why ours is meant. Everything else must agree. */
const DIFFERENT: Readonly<Record<string, Partial<Record<keyof PeerView, string>>>> = {
  'quoted-printable': { parts: 'python keeps blanks at the end of a line, which RFC 2045 §6.7 (3) has deleted' },
  'utf8-headers': { subject: 'python takes raw UTF-8 for unknown 8-bit', addresses: 'the same' },
  'latin1-headers': { subject: 'python takes raw 8-bit for unknown', addresses: 'the same' },
  'groups-and-comments': { addresses: 'python takes the source route for an address' },
  'broken-no-end-boundary': { parts: 'python drops the last line end of a part that nothing ends' },
  'broken-no-boundary-parameter': {
    parts: 'BODYSTRUCTURE cannot show a multipart without parts; RFC 2045 §5.2: text/plain',
  },
  'broken-boundary-never-used': { parts: 'BODYSTRUCTURE cannot show a multipart without parts: one is empty' },
  'broken-empty-multipart': { parts: 'BODYSTRUCTURE cannot show a multipart without parts: one is empty' },
  'broken-header-line': { parts: 'python ends a header at a damaged line, RFC 5322 §2.1 at the empty one' },
  'broken-part-header': { parts: 'python ends a header at a damaged line, RFC 5322 §2.1 at the empty one' },
  'broken-same-boundary': { parts: 'two multiparts with one boundary: ours lets the inner one have its delimiters' },
  'deep-nesting': { parts: 'ours stops at a hundred levels' },
};

const MESSAGES = corpus().filter(({ acceptable }) => acceptable);
let peer: Record<string, PeerView> = {};
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-corpus-'));
  for (const { name, bytes } of MESSAGES) writeFileSync(join(folder, name), bytes);
  const run = spawnSync('python3', ['-c', SCRIPT, folder], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`python3: ${run.error?.message ?? run.stderr}`);
  peer = JSON.parse(run.stdout) as Record<string, PeerView>;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ourAddresses({ bytes, root }: ScannedMessage): [string, string][] {
  return ['from', 'to', 'cc', 'bcc', 'reply-to'].flatMap((name) =>
    root.fields
      .filter((field) => hasName(bytes, field, name))
      .flatMap((field) => mailboxesOf(parseAddressList(fieldValue(bytes, field))))
      .map(({ name: display, localPart, domain }): [string, string] => [
        display ?? '',
        domain === '' ? localPart : `${/\s/.test(localPart) ? `"${localPart}"` : localPart}@${domain}`,
      ]),
  );
}

function ourParts(bytes: Buffer, part: MimePart): PeerView['parts'][number][] {
  const body = bytes.subarray(part.bodyStart, part.bodyEnd);
  return [
    {
      type: `${part.type}/${part.subtype}`,
      filename:
        decodeParameter(part.disposition?.params ?? [], 'filename') ?? decodeParameter(part.params, 'name') ?? null,
      sha256: part.kind === 'leaf' ? sha256(decodeTransfer(body, part.encoding) ?? body) : null,
    },
    ...part.children.flatMap((child) => ourParts(bytes, child)),
  ];
}

describe('python3 email reads the same from', () => {
  it.each(MESSAGES.map(({ name, bytes }) => [name, bytes] as const))('%s', (name, bytes) => {
    const scan = scanMessage(bytes);
    const theirs = peer[name];
    const subject = headerValue(bytes, scan.root.fields, 'subject');
    const date = headerValue(bytes, scan.root.fields, 'date');
    const ours: PeerView = {
      subject: subject === undefined ? null : decodeEncodedWords(subject),
      addresses: ourAddresses(scan),
      date: (date === undefined ? undefined : parseDate(date)?.ms) ?? null,
      parts: ourParts(bytes, scan.root),
    };
    const agreed = (view: PeerView | undefined): Partial<PeerView> =>
      Object.fromEntries(Object.entries(view ?? {}).filter(([key]) => !(key in (DIFFERENT[name] ?? {}))));
    expect(agreed(ours)).toEqual(agreed(theirs));
  });
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
