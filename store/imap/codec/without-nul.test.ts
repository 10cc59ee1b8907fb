import { scanMessage } from '@postern/shared/message/mime-structure.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutNul } from './without-nul.ts';

const octets = (text: string): Buffer => Buffer.from(text, 'latin1');
const converted = (text: string): string | undefined => withoutNul(octets(text))?.toString('latin1');

describe('a message that came as binary (RFC 3516)', () => {
  it('is left alone where there is no NUL', () => {
    expect(converted('A: b\r\n\r\nx\r\n')).toBe('A: b\r\n\r\nx\r\n');
  });

  it('has its parts with a NUL in base64, and only these', () => {
    const before = (one: string, two: string): string =>
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png\r\n${one}\r\n\r\n${two}--b--\r\n`;
    expect(converted(before('Content-Transfer-Encoding:\r\n binary', '\0\x01\r\n'))).toBe(
      before('Content-Transfer-Encoding: base64', 'AAE=\r\n\r\n'),
    );
  });

  it('is told of the encoding where it named none', () => {
    expect(converted('A: b\r\n\r\n\0')).toBe('Content-Transfer-Encoding: base64\r\nA: b\r\n\r\nAA==\r\n');
    expect(converted('\r\n\0')).toBe('Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n');
  });

  it('is none with a NUL in a header, between parts, or in what is encoded already', () => {
    expect(converted('A: \0\r\n\r\nx')).toBeUndefined();
    expect(
      converted('Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nx\r\n--b--\r\n'),
    ).toBeUndefined();
    expect(converted('Content-Transfer-Encoding: base64\r\n\r\nAA\0==\r\n')).toBeUndefined();
  });

  it('keeps every octet of a part', () => {
    const body = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([bytes, Buffer.from([0])]));
    fc.assert(
      fc.property(body, (bytes) => {
        const message = withoutNul(Buffer.concat([octets('A: b\r\n\r\n'), bytes]));
        const { root } = scanMessage(message as Buffer);
        const encoded = (message as Buffer).subarray(root.bodyStart, root.bodyEnd);
        expect(decodeTransfer(encoded, root.encoding)).toEqual(bytes);
      }),
    );
  });
});
