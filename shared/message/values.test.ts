import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mailboxesOf, parseAddressList } from './address.ts';
import { decodeCharset } from './charset.ts';
import { parseContentType } from './content-fields.ts';
import { formatDate, formatInternalDate, parseDate, parseInternalDate } from './date.ts';
import { composeDeliveryStatus } from './delivery-status.ts';
import { decodeEncodedWords, decodeParameter } from './encoded-word.ts';
import { fieldName, fieldValue, headerValue, readHeader } from './header.ts';
import { textOfHtml } from './html-text.ts';
import { messageIdHash, messageIdOf, parseMessageIds, referencesOf } from './message-id.ts';
import { scanMessage } from './mime-structure.ts';
import { baseSubject } from './subject.ts';
import { foldCase, previewText, searchableText } from './text.ts';
import { decodeQuotedPrintable } from './transfer-encoding.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('header', () => {
  it('steps over lines that are no field, and ends at the empty line', () => {
    const bytes = latin1('From me\r\nA : one\r\n two\r\nnonsense\r\nB:\r\n\r\nC: body');
    const { fields, bodyStart } = readHeader(bytes, 0, bytes.length);
    expect(fields.map((field) => [fieldName(bytes, field), fieldValue(bytes, field)])).toEqual([
      ['A', 'one two'],
      ['B', ''],
    ]);
    expect(bytes.toString('latin1', bodyStart)).toBe('C: body');
    expect(headerValue(bytes, fields, 'a')).toBe('one two');
  });

  it('reads bare line feeds as it reads CRLF', () => {
    const bytes = latin1('A: one\n two\n\nbody');
    const { fields, bodyStart } = readHeader(bytes, 0, bytes.length);
    expect(headerValue(bytes, fields, 'a')).toBe('one two');
    expect(bodyStart).toBe(bytes.length - 4);
  });
});

describe('addresses', () => {
  const list = (text: string): unknown[] =>
    mailboxesOf(parseAddressList(text)).map(({ name, localPart, domain }) => [name, localPart, domain]);

  it.each([
    ['a@b.example', [[undefined, 'a', 'b.example']]],
    [
      '"Doe, Jane" <jane@b.example>, Joe Q. Public <joe@b.example>',
      [
        ['Doe, Jane', 'jane', 'b.example'],
        ['Joe Q. Public', 'joe', 'b.example'],
      ],
    ],
    ['old@b.example (Old Style)', [['Old Style', 'old', 'b.example']]],
    ['<@relay.example,@two.example:routed@b.example>', [[undefined, 'routed', 'b.example']]],
    ['"odd \\"local\\""@b.example', [[undefined, 'odd "local"', 'b.example']]],
    ['jdoe@test   . example', [[undefined, 'jdoe', 'test.example']]],
    ['x@[192.0.2.1]', [[undefined, 'x', '[192.0.2.1]']]],
    [
      'A Group:Ed <ed@b.example>,joe@c.example;, x@y.example',
      [
        ['Ed', 'ed', 'b.example'],
        [undefined, 'joe', 'c.example'],
        [undefined, 'x', 'y.example'],
      ],
    ],
    ['undisclosed-recipients:;', []],
    [',,a@b.example,,', [[undefined, 'a', 'b.example']]],
    ['=?utf-8?q?J=C3=B6rg?= <j@b.example>', [['=?utf-8?q?J=C3=B6rg?=', 'j', 'b.example']]],
    ['a@b@c.example', [[undefined, 'a@b', 'c.example']]],
  ])('%s', (text, expected) => expect(list(text)).toEqual(expected));

  it('keeps a group and its name', () => {
    expect(parseAddressList('Board: a@b.example;')).toMatchObject([
      { kind: 'group', name: 'Board', members: [{ localPart: 'a' }] },
    ]);
  });
});

describe('dates', () => {
  it.each([
    ['Fri, 17 May 2024 10:20:30 +0200', '2024-05-17T08:20:30.000Z'],
    ['17 May 2024 10:20 -0530 (comment)', '2024-05-17T15:50:00.000Z'],
    ['Fri,17 May 24 10:20:30 EDT', '2024-05-17T14:20:30.000Z'],
    ['Sun, 6 Nov 94 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['6 Nov 103 08:49:37 Z', '2003-11-06T08:49:37.000Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37.000Z'],
  ])('%s', (text, iso) => expect(new Date(parseDate(text)?.ms ?? Number.NaN).toISOString()).toBe(iso));

  it.each(['', 'yesterday', '31 Feb 2024 10:00:00 +0000', '1 Jan 2024 25:00:00 +0000'])('%j is no date', (text) => {
    expect(parseDate(text)).toBeUndefined();
  });

  it('comes back from its own text, whatever moment and zone', () => {
    const moment = fc.integer({ min: -2_000_000_000, max: 200_000_000_000 }).map((s) => s * 1000);
    const zone = fc.integer({ min: -14 * 60, max: 14 * 60 });
    fc.assert(
      fc.property(moment, zone, (ms, zoneMinutes) => {
        expect(parseDate(formatDate(ms, zoneMinutes))).toEqual({ ms, zoneMinutes });
        expect(parseInternalDate(formatInternalDate(ms, zoneMinutes))).toEqual({ ms, zoneMinutes });
      }),
    );
  });

  it('formats INTERNALDATE with a day of two characters', () => {
    expect(formatInternalDate(Date.UTC(1996, 6, 7, 9, 44, 25), -420)).toBe(' 7-Jul-1996 02:44:25 -0700');
    expect(parseInternalDate('7-Jul-1996 02:44:25 -0700')).toBeUndefined();
  });
});

describe('encoded words (the examples of RFC 2047 §8, and worse)', () => {
  it.each([
    ['(=?ISO-8859-1?Q?a?=)', '(a)'],
    ['(=?ISO-8859-1?Q?a?= b)', '(a b)'],
    ['(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)', '(ab)'],
    ['(=?ISO-8859-1?Q?a?=    \t=?ISO-8859-1?Q?b?=)', '(ab)'],
    ['(=?ISO-8859-1?Q?a_b?=)', '(a b)'],
    ['=?UTF-8?B?R3LDvMOf?= =?UTF-8?B?ZQ==?=', 'Grüße'],
    ['=?utf-8?b?w7w?= =?utf-8?q?=C3?= =?utf-8?q?=BC?=', 'üü'],
    ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
    ['=?utf-8*de?q?gr=C3=BCn?=', 'grün'],
    ['=?nobody-knows?q?gr=C3=BCn?=', 'grün'],
    ['=?utf-8?x?abc?=', '=?utf-8?x?abc?='],
    ['=?utf-8?q?open', '=?utf-8?q?open'],
  ])('%s', (text, expected) => expect(decodeEncodedWords(text)).toBe(expected));

  it('takes raw 8-bit for UTF-8, else for windows-1252', () => {
    expect(decodeEncodedWords(latin1('Z\xc3\xbcrich').toString('latin1'))).toBe('Zürich');
    expect(decodeEncodedWords('Z\xfcrich')).toBe('Zürich');
  });

  it('joins RFC 2231 pieces, and knows charset and percent signs', () => {
    const params = (text: string): ReturnType<typeof parseContentType> => parseContentType(`a/b; ${text}`);
    const name = (text: string): string | undefined => decodeParameter(params(text)?.params ?? [], 'name');
    expect(name("name*=UTF-8''%C3%9Cbersicht.pdf")).toBe('Übersicht.pdf');
    expect(name('name*1*=b%20c; name*0*=iso-8859-1\'de\'%FC; name*2="%41"')).toBe('üb c%41');
    expect(name('name="=?utf-8?q?=C3=BC?=.txt"')).toBe('ü.txt');
    expect(name('name=two words.txt; x=y')).toBe('two words.txt');
  });

  it('knows charsets of both libraries', () => {
    expect(decodeCharset(latin1('\x84'), 'cp437')).toBe('ä');
    expect(decodeCharset(latin1('+APw-'), 'utf-7')).toBe('ü');
    expect(decodeCharset(latin1('\xc4\xe3'), 'gb2312')).toBe('你');
  });
});

describe('base subject (RFC 5256 §2.1)', () => {
  it.each([
    ['Re: hello', 'hello', true],
    ['RE: [list] Fwd: re[2]: hello (fwd) ', 'hello', true],
    ['[list] hello', 'hello', false],
    ['[only]', '[only]', false],
    ['[fwd: Re: hello]', 'hello', true],
    ['=?utf-8?q?Re=3A_gr=C3=BCn?=', 'grün', true],
    ['Re:', '', true],
    ['regarding: this', 'regarding: this', false],
  ])('%s', (value, text, isReplyOrForward) => expect(baseSubject(value)).toEqual({ text, isReplyOrForward }));
});

describe('text for search and preview', () => {
  const text = (header: string, body: string): string =>
    searchableText(scanMessage(latin1(`${header}\r\n\r\n${body}`))).body.toString();

  it('decodes transfer encoding and charset, and folds case', () => {
    expect(
      text(
        'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable',
        'GR=DC=\r\nN',
      ),
    ).toContain('grün');
    expect(
      text('Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64', 'zpPOmc6Rzqc='),
    ).toContain('γιαχ');
  });

  it('folds a final sigma, and composed letters as decomposed ones', () => {
    expect(foldCase('ΟΔΟΣ')).toBe(foldCase('οδος'));
    expect(foldCase('e\u0301')).toBe(foldCase('É'));
  });

  it('reads HTML as its reader does', () => {
    expect(
      textOfHtml('<style>x</style><p>hel<b>lo</b> <a href="a>b">w&ouml;rld</a><br>&amp; 1 < 2<!-- no --></p>'),
    ).toBe('hello wörld & 1 < 2');
  });

  it.each([
    ['&Zeta;&alpha;&rarr;&infin; &hearts; &Yuml; &thetasym;', 'Ζα→∞ ♥ Ÿ ϑ'],
    ['A &#8211; B &#150; C &#x2014; D &amp;lt; &unknown; &copy', 'A – B – C — D &lt; &unknown; ©'],
    ['a<!--> b --> c<!-- x > y -->d', 'a b --> cd'],
    ['<p title="not this" alt = "nor > this">text</p>', 'text'],
    ['<script>var a = "<p>no</p>";</script >yes<STYLE type=x>p{}</STYLE>', 'yes'],
    ['<head><title>no</title></head><body>b&shy;d</body>', 'b\u00add'],
    ['x<!-- never closed', 'x'],
    ['x<script>never closed', 'x'],
    ['1 < 2 > 0 &', '1 < 2 > 0 &'],
    ['&#xD800;&#0;&#1114112;!', '\ud800 !'],
  ])('%s', (html, text) => expect(textOfHtml(html)).toBe(text));

  it('keeps headers apart from the body, and includes those of enclosed messages there', () => {
    const bytes = latin1(
      'Subject: =?utf-8?q?=C3=9Cber?=\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nText\r\n',
    );
    const { headers, body, truncated } = searchableText(scanMessage(bytes));
    expect(headers.toString()).toContain('subject: über\n');
    expect(body.toString()).toContain('subject: inner\n');
    expect(body.toString()).toContain('text');
    expect(truncated).toBe(false);
  });

  it('has header fields of parts and file names behind a blank, where HEADER does not look', () => {
    const part =
      "Content-Type: image/png\r\nContent-Disposition: attachment; filename*0*=utf-8''%C3%BC; filename*1=x.png";
    const bytes = latin1(
      `Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n${part}\r\n\r\nx\r\n--b--\r\n`,
    );
    const { headers, body } = searchableText(scanMessage(bytes));
    expect(headers.toString().split('\n')).toEqual([
      'subject: s',
      'content-type: multipart/mixed; boundary=b',
      ' content-type: image/png',
      " content-disposition: attachment; filename*0*=utf-8''%c3%bc; filename*1=x.png",
      ' üx.png',
      '',
    ]);
    expect(body.toString()).toBe('');
  });

  it('previews plain text before HTML, and never an attachment', () => {
    const part = (type: string, body: string): string => `--b\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
    const message = (...parts: string[]): string =>
      previewText(scanMessage(latin1(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts.join('')}--b--`)));
    expect(message(part('text/html', '<b>rich</b>'), part('text/plain', 'plain\r\n  text'))).toBe('plain text');
    expect(message(part('text/html', '<b>rich</b>'))).toBe('rich');
    expect(message(part('text/plain\r\nContent-Disposition: attachment', 'no'))).toBe('');
  });

  it('drops blanks before a line end of quoted-printable, and keeps what is no escape', () => {
    expect(decodeQuotedPrintable(latin1('a \t\r\nb=20\r\nc=  \r\nd=XY=')).toString('latin1')).toBe('a\r\nb \r\ncd=XY');
  });
});

describe('message ids', () => {
  it('reads References, else the first of In-Reply-To', () => {
    const read = (text: string): string[] => {
      const bytes = latin1(text);
      return referencesOf(bytes, readHeader(bytes, 0, bytes.length).fields);
    };
    expect(read('References: <a@x>\r\n\t<b@x> junk <c\r\n @x>\r\nIn-Reply-To: <d@x>\r\n\r\n')).toEqual([
      'a@x',
      'b@x',
      'c@x',
    ]);
    expect(read('In-Reply-To: Your message <d@x> <e@x>\r\n\r\n')).toEqual(['d@x']);
    expect(read('Subject: x\r\n\r\n')).toEqual([]);
  });

  it('hashes to 64 bits that stay the same', () => {
    expect(messageIdHash('a@x')).toBe(messageIdHash('a@x'));
    expect(messageIdHash('a@x')).not.toBe(messageIdHash('A@x'));
    expect(parseMessageIds('<<a@x>')).toHaveLength(1);
    const bytes = latin1('Message-ID: bare@x\r\n\r\n');
    expect(messageIdOf(bytes, readHeader(bytes, 0, bytes.length).fields)).toBe('bare@x');
  });
});

describe('delivery status notifications', () => {
  const base = {
    reportingMta: 'store.example',
    to: 'sender@example.net',
    messageId: 'dsn1@store.example',
    nowMs: 0,
    envid: 'QQ1',
    recipients: [
      {
        finalRecipient: 'user1@domain1.example',
        originalRecipient: 'rfc822;alias@domain1.example',
        action: 'failed',
        reply: { code: 550, enhanced: '5.1.1', text: 'No such user\r\nX-Injected: yes' },
      },
    ],
    original: latin1('Subject: the original\r\nX: \xfc\r\n\r\nbody of the original\r\n'),
  } as const;

  it('is a multipart/report whose parts say what happened', () => {
    const scan = scanMessage(composeDeliveryStatus(base));
    expect([scan.root.subtype, ...scan.root.children.map((part) => `${part.type}/${part.subtype}`)]).toEqual([
      'report',
      'text/plain',
      'message/delivery-status',
      'text/rfc822-headers',
    ]);
    const body = (n: number): string => {
      const part = scan.root.children[n];
      return scan.bytes.toString('latin1', part?.bodyStart, part?.bodyEnd);
    };
    expect(body(1)).toBe(
      'Original-Envelope-Id: QQ1\r\nReporting-MTA: dns; store.example\r\n\r\nOriginal-Recipient: rfc822;alias@domain1.example\r\nFinal-Recipient: rfc822; user1@domain1.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 No such user X-Injected: yes\r\n',
    );
    expect(body(2)).toBe('Subject: the original\r\nX: \xfc\r\n\r\n');
    expect(scan.bytes.toString('latin1')).not.toContain('\r\nX-Injected');
  });

  it('returns the whole message when asked, under a boundary that it does not contain', () => {
    const original = latin1('Subject: x\r\n\r\n--=_dsn1storeexample\r\n');
    const scan = scanMessage(composeDeliveryStatus({ ...base, original, returnFull: true }));
    const last = scan.root.children[2];
    expect(scan.bytes.subarray(last?.bodyStart, last?.bodyEnd)).toEqual(original);
  });

  it('marks addresses and text beyond US-ASCII (RFC 6533)', () => {
    const recipients = [{ ...base.recipients[0], finalRecipient: 'jürgen@domain1.example' }];
    const text = composeDeliveryStatus({ ...base, recipients, original: latin1('Subject: x\r\n\r\n') }).toString();
    expect(text).toContain('Content-Type: message/global-delivery-status\r\n');
    expect(text).toContain('Final-Recipient: utf-8; jürgen@domain1.example\r\n');
    expect(text).not.toContain('Content-Transfer-Encoding: 7bit');
  });
});
