import { completeMessage, readSubmittedHeader } from '@postern/shared/message/submitted-message.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { futureReleaseLine, readFutureRelease } from './future-release.ts';

const TRACE = 'Received: by test;\r\n\tMon, 01 Jan 2024 00:00:00 +0000\r\n';
const COMPLETION = { trace: TRACE, messageId: '<new@test.example>', nowMs: 0 };

const complete = (text: string): string => completeMessage(Buffer.from(text, 'latin1'), COMPLETION).toString('latin1');

describe('completeMessage (RFC 6409 §8)', () => {
  it('takes Bcc away, folded and repeated, and nothing of the body', () => {
    const message =
      'Date: x\r\nBCC: a@a.example,\r\n\tb@b.example\r\nSubject: s\r\nbcc : c@c.example\r\nMessage-ID: <1@x>\r\n\r\nBcc: stays\r\n';
    expect(complete(message)).toBe(`${TRACE}Date: x\r\nSubject: s\r\nMessage-ID: <1@x>\r\n\r\nBcc: stays\r\n`);
  });

  it('adds Date and Message-ID where they are missing, and only there', () => {
    expect(complete('Subject: s\r\n\r\nx')).toMatch(
      /^Received: .*\r\n\t.*\r\nDate: Thu, 01 Jan 1970 .*\r\nMessage-ID: <new@test\.example>\r\nSubject: s/,
    );
    expect(complete('date: y\r\n\r\nx')).not.toMatch(/^Date:/m);
  });

  it('leaves every other octet what and where it was', () => {
    const field = fc.constantFrom('Subject: é\r\n', 'X-A: 1\r\n 2\r\n', 'To: a@a.example\r\n', 'Bccx: no\r\n');
    const secret = fc.constantFrom('Bcc: x@x.example\r\n', 'Resent-Bcc: y@y.example\r\n', 'bcc:\r\n z@z.example\r\n');
    const body = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets).toString('latin1'));
    fc.assert(
      fc.property(fc.array(fc.oneof(field, secret), { maxLength: 8 }), body, (fields, rest) => {
        const own = 'Date: d\r\nMessage-ID: <1@x>\r\n';
        const kept = fields.filter((each) => !/^(?:resent-)?bcc\s*:/i.test(each));
        expect(complete(`${own}${fields.join('')}\r\n${rest}`)).toBe(`${TRACE}${own}${kept.join('')}\r\n${rest}`);
      }),
    );
  });
});

it('reads authors, recipients and hops', () => {
  const header = readSubmittedHeader(
    Buffer.from(
      'Received: a\r\nReceived: b\r\nFrom: "A, B" <a@a.example>, Grüße <ü@b.example>\r\nTo: g: x@x.example, y@y.example;\r\nBcc: z@z.example\r\n\r\nFrom: body@b.example\r\n',
    ),
  );
  expect(header).toEqual({
    authors: ['a@a.example', 'ü@b.example'],
    messageId: undefined,
    hops: 2,
    recipients: ['x@x.example', 'y@y.example', 'z@z.example'],
  });
});

describe('FUTURERELEASE (RFC 4865 §4)', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const read = (parameters: Record<string, string>) =>
    readFutureRelease(new Map(Object.entries(parameters)), 86_400_000, now);

  it('reads both parameters', () => {
    expect(read({})).toEqual({ kind: 'at', releaseAt: undefined });
    expect(read({ HOLDFOR: '60' })).toEqual({ kind: 'at', releaseAt: new Date('2026-01-01T00:01:00Z') });
    expect(read({ HOLDUNTIL: '2026-01-01T03:00:00+02:00' })).toEqual({
      kind: 'at',
      releaseAt: new Date('2026-01-01T01:00:00Z'),
    });
    expect(futureReleaseLine(86_400_000, now)).toBe('FUTURERELEASE 86400 2026-01-02T00:00:00Z');
  });

  it.each([
    { HOLDFOR: '0' },
    { HOLDFOR: '-1' },
    { HOLDFOR: '1e3' },
    { HOLDFOR: '86401' },
    { HOLDUNTIL: 'tomorrow' },
    { HOLDUNTIL: '2026-01-01' },
    { HOLDUNTIL: '2026-01-03T00:00:00Z' },
    { HOLDFOR: '1', HOLDUNTIL: '2026-01-01T00:00:01Z' },
  ])('refuses %j', (parameters) => {
    expect(read(parameters).kind).toBe('refused');
  });
});
