import { prose, seededRandom } from './prose.ts';
import { messageWithAttachment, realisticMessage } from './realistic.ts';

/** One message of the corpus. */
export interface CorpusMessage {
  readonly name: string;
  readonly bytes: Buffer;
  /**
   * Whether the gateway takes it; the others are refused with a clear reply. SMTP cannot carry a last line without an end: where the bytes
   * end so, a client adds CRLF, and what is fetched has it too. APPEND keeps the bytes as they are.
   */
  readonly acceptable: boolean;
}

export { messageWithAttachment, realisticMessage } from './realistic.ts';

/**
 * Messages of every shape that mail has. What was sent of an acceptable one is what is fetched, octet for octet. The message with the attachment of 25 MB
 * comes with `large` alone.
 */
export function corpus(options: { large?: boolean } = {}): CorpusMessage[] {
  const accepted = Object.entries(ACCEPTABLE).map(([name, make]) => ({ name, bytes: make(), acceptable: true }));
  const refused = Object.entries(REFUSED).map(([name, make]) => ({ name, bytes: make(), acceptable: false }));
  const large = options.large
    ? // About 25 MB on the wire: base64 adds a third, line ends a little more.
      [{ name: 'attachment-25mb', bytes: messageWithAttachment(19_000_000), acceptable: true }]
    : [];
  return [...accepted, ...large, ...refused];
}

const r = seededRandom(42);
const TEXT = prose(r, 600);

function message(header: string, body: string, encoding: BufferEncoding = 'utf8'): Buffer {
  const common =
    'From: Ines Baumann <ines@example.net>\r\nTo: user1@domain1.example\r\nDate: Fri, 17 May 2024 10:20:30 +0200\r\n';
  return Buffer.from(`${common}${header.replaceAll('\n', '\r\n')}\r\n\r\n${body.replace(/\r?\n/g, '\r\n')}`, encoding);
}

const ACCEPTABLE: Readonly<Record<string, () => Buffer>> = {
  plain: () => message('Subject: floor plans\nMessage-ID: <plain@example.net>', TEXT),
  'realistic-5kb': () => realisticMessage(5_000),
  'realistic-50kb': () => realisticMessage(50_000, 2),
  'empty-body': () => message('Subject: nothing in it\nMessage-ID: <empty@example.net>', ''),
  'no-body-separator': () => Buffer.from('From: a@example.net\r\nSubject: header alone\r\n'),
  'no-final-line-end': () => message('Subject: cut', 'the last line has no end'),
  dots: () => message('Subject: dots', '.\n..\n...leading dots\n.\nend\n'),
  'nested-multipart': () =>
    message(
      'Subject: three levels\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="outer"',
      `This is the preamble.\n--outer\nContent-Type: multipart/related; boundary="outer-in"\n\n--outer-in\nContent-Type: multipart/alternative; boundary=deep\n\n--deep\nContent-Type: text/plain; charset=us-ascii\n\n${TEXT}\n--deep\nContent-Type: text/html; charset=us-ascii\nContent-Language: en, de\n\n<p>hello</p>\n--deep--\n--outer-in\nContent-Type: image/png; name=dot.png\nContent-ID: <dot@example.net>\nContent-Location: dot.png\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--outer-in--\n--outer\nContent-Type: text/plain\nContent-Description: the last "word"\nContent-Disposition: inline; filename="note.txt"\n\nlast\n--outer--\nThis is the epilogue.\n`,
    ),
  'message-rfc822': () =>
    message(
      'Subject: Fwd: see below\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=fw',
      `--fw\n\nplease read\n--fw\nContent-Type: message/rfc822\n\nFrom: "Marchetti, Hugo" <hugo@example.org>\nTo: board: agnes@example.org, frank@example.org;\nSubject: the original\nMessage-ID: <original@example.org>\nContent-Type: multipart/mixed; boundary=inner\n\n--inner\nContent-Type: text/plain\n\ninner text\n--inner\nContent-Type: message/rfc822\n\nSubject: innermost\n\ndeepest\n--inner--\n--fw--\n`,
    ),
  'message-rfc822-alone': () =>
    message(
      'Subject: only a message\nContent-Type: message/rfc822',
      'Subject: enclosed\nFrom: x@example.net\n\nhello\n',
    ),
  digest: () =>
    message(
      'Subject: digest\nContent-Type: multipart/digest; boundary=dg',
      '--dg\n\nSubject: one\nFrom: a@example.net\n\nfirst\n--dg\n\nSubject: two\n\nsecond\n--dg--\n',
    ),
  base64: () =>
    message(
      'Subject: base64\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64',
      Buffer.from('Grüße aus Köln, naïve café — with 日本語\n'.repeat(20))
        .toString('base64')
        .replace(/.{76}/g, '$&\n')
        .concat('\n'),
    ),
  'quoted-printable': () =>
    message(
      'Subject: qp\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable',
      'Gr=FC=DFe aus K=F6ln, a soft=\n break, =3D, and a broken =XY escape.   \nEnd=20\n',
    ),
  'line-998': () => message('Subject: long lines', `${'x'.repeat(998)}\n${'long words here '.repeat(62)}\n`),
  '8bit': () =>
    message('Subject: 8-bit\nContent-Type: text/plain; charset=iso-8859-1', 'caf\xe9 \xfcber \x80\xff\n', 'latin1'),
  'utf8-headers': () =>
    message(
      'Subject: Zürich, 東京 und Łódź\nMessage-ID: <utf8@example.net>\nCc: Jürgen Grün <jg@example.net>',
      'hello\n',
    ),
  'latin1-headers': () => message('Subject: Gr\xfc\xdfe\nCc: J\xfcrgen <jg@example.net>', 'hello\n', 'latin1'),
  'encoded-words': () =>
    message(
      'Subject: =?UTF-8?B?R3LDvMOf?= =?UTF-8?B?ZSBhdXM=?=\n =?utf-8?q?_K=C3=B6ln?= und =?ISO-8859-1?Q?M=FCnchen?=\nCc: =?UTF-8?Q?J=C3=B6rg?= <j@example.net>, "Doe, Jane" <jane@example.net>',
      'hello\n',
    ),
  'rfc2231-parameters': () =>
    message(
      'Subject: file names\nContent-Type: multipart/mixed; boundary=nm',
      "--nm\nContent-Type: application/pdf; name*=UTF-8''%C3%9Cbersicht.pdf\nContent-Disposition: attachment;\n filename*0*=UTF-8''%C3%9Cbersicht%20;\n filename*1*=der%20Kosten;\n filename*2=\" 2024.pdf\"\n\n%PDF\n--nm\nContent-Type: text/plain; charset=us-ascii (plain text)\nContent-Disposition: attachment; filename=without quotes.txt\n\nx\n--nm--\n",
    ),
  'empty-fields': () => message('Subject:\nCc:\nBcc: \nReply-To:\nIn-Reply-To: \nX-Empty:', 'hello\n'),
  'groups-and-comments': () =>
    message(
      'Subject: people\nCc: undisclosed-recipients:;\nReply-To: Team: a@example.net, "B \\"the\\" C" <b@example.net>;\nBcc: old@example.net (Old Style), <@relay.example,@b.example:routed@example.net>, "odd local"@example.net, root',
      'hello\n',
    ),
  'huge-subject': () => message(`Subject: ${'a very long subject '.repeat(900)}`, 'hello\n'),
  'many-recipients': () =>
    message(
      `Subject: many\nCc: ${Array.from({ length: 800 }, (_, i) => `p${i} <p${i}@example.net>`).join(',\n ')}`,
      'hello\n',
    ),
  'many-parts': () =>
    message(
      'Subject: parts\nContent-Type: multipart/mixed; boundary=p',
      `${Array.from({ length: 300 }, (_, i) => `--p\nContent-Type: text/plain\n\npart ${i}\n`).join('')}--p--\n`,
    ),
  'broken-no-end-boundary': () =>
    message(
      'Subject: cut off\nContent-Type: multipart/mixed; boundary=b',
      '--b\nContent-Type: text/plain\n\nhello\n--b\n\nworld\n',
    ),
  'broken-no-boundary-parameter': () =>
    message('Subject: none\nContent-Type: multipart/mixed', '--b\n\nhello\n--b--\n'),
  'broken-boundary-never-used': () =>
    message('Subject: unused\nContent-Type: multipart/mixed; boundary=never', 'no part at all\n'),
  'broken-empty-multipart': () => message('Subject: empty\nContent-Type: multipart/mixed; boundary=e', '--e--\n'),
  'broken-inner-not-closed': () =>
    message(
      'Subject: inner\nContent-Type: multipart/mixed; boundary=o',
      '--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nfirst\n--o\n\nsecond\n--o--\n',
    ),
  'broken-content-type': () =>
    message('Subject: type\nContent-Type: text; charset\nContent-Transfer-Encoding: ?', 'hello\n'),
  'broken-parameters': () =>
    message('Subject: params\nContent-Type: text/plain; charset="utf-8; name="a"b"; ; =x; format', 'hello\n'),
  'broken-header-line': () =>
    message('Subject: damaged\n>From someone Mon Jan  1 00:00:00 2024\nthis is no field\nX-Good: yes', 'hello\n'),
  'broken-part-header': () =>
    message(
      'Subject: part\nContent-Type: multipart/mixed; boundary=h',
      '--h\nContent-Type: text/plain\n--h\nno header here\n--h--\n',
    ),
  'broken-same-boundary': () =>
    message(
      'Subject: same\nContent-Type: multipart/mixed; boundary=s',
      '--s\nContent-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n--s--\n--s\n\ny\n--s--\n',
    ),
  'broken-base64': () => message('Subject: b64\nContent-Transfer-Encoding: base64', 'SGVsbG8=\n!!!! not base64 ====\n'),
  'broken-date': () => Buffer.from('From: a@example.net\r\nDate: yesterday at tea\r\nSubject: when\r\n\r\nhello\r\n'),
  'deep-nesting': () =>
    message(
      'Subject: deep\nContent-Type: multipart/mixed; boundary=d0',
      Array.from({ length: 150 }, (_, i) => `--d${i}\nContent-Type: multipart/mixed; boundary=d${i + 1}\n\n`).join(''),
    ),
};

const REFUSED: Readonly<Record<string, () => Buffer>> = {
  'headers-10000': () => message(Array.from({ length: 10_000 }, (_, i) => `X-Bomb-${i}: ${i}`).join('\n'), 'hello\n'),
  'bare-lf': () => Buffer.from('Subject: bare LF\r\n\r\none\ntwo\r\n'),
  'bare-cr': () => Buffer.from('Subject: bare CR\r\n\r\none\rtwo\r\n'),
  'nul-in-body': () => message('Subject: NUL', 'before\0after\n'),
  'nul-in-header': () => message('Subject: NUL \0 here', 'hello\n'),
};
