import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSpoolFile,
  decodeSpoolHead,
  decodeSpoolState,
  encodeSpoolFile,
  encodeSpoolState,
  type SpoolEnvelope,
} from './spool-file.ts';

const recipient = fc.record(
  {
    address: fc.string({ unit: 'grapheme', minLength: 1 }),
    route: fc.constantFrom('store' as const, 'outside' as const),
    notify: fc.array(fc.constantFrom('FAILURE' as const, 'DELAY' as const)),
    orcpt: fc.string(),
    status: fc.constantFrom('pending' as const, 'delivered' as const, 'failed' as const),
    reply: fc.record({ code: fc.integer({ min: 200, max: 599 }), enhanced: fc.string(), text: fc.string() }),
  },
  { requiredKeys: ['address', 'route', 'status'] },
);
const state = fc.record({
  recipients: fc.array(recipient, { maxLength: 4 }),
  attempts: fc.nat(),
  nextTryAt: fc.nat(),
});
const envelope: fc.Arbitrary<SpoolEnvelope> = fc.record({
  deliveryId: fc.stringMatching(/^[0-9a-f]{32}$/),
  receivedAt: fc.nat(),
  cause: fc.string(),
  client: fc.ipV4(),
  reversePath: fc.string({ unit: 'grapheme' }),
  body: fc.constantFrom('7BIT' as const, '8BITMIME' as const),
  smtpUtf8: fc.boolean(),
  state,
});
const bytes = fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b));

describe('message file', () => {
  it('gives back what was put in, octet for octet', () => {
    fc.assert(
      fc.property(envelope, fc.array(bytes, { maxLength: 3 }), (e, pieces) => {
        const decoded = decodeSpoolFile(Buffer.concat(encodeSpoolFile(e, pieces)));
        expect(decoded).toEqual({ ok: true, value: { envelope: e, content: Buffer.concat(pieces) } });
      }),
    );
  });

  it('is refused when it is cut short anywhere, or when one octet changed', () => {
    fc.assert(
      fc.property(envelope, bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (e, content, place, change) => {
        const file = Buffer.concat(encodeSpoolFile(e, [content]));
        const at = place % file.length;
        expect(decodeSpoolFile(file.subarray(0, at)).ok).toBe(false);
        file[at] = (file[at] ?? 0) ^ change;
        expect(decodeSpoolFile(file).ok).toBe(false);
      }),
    );
  });

  it('shows its envelope without the content', () => {
    fc.assert(
      fc.property(envelope, bytes, (e, content) => {
        const [head, json, end] = encodeSpoolFile(e, [content]);
        const decoded = decodeSpoolHead(Buffer.concat([head!, json!, end!]));
        expect(decoded).toMatchObject({ ok: true, value: { envelope: e, contentBytes: content.length } });
      }),
    );
  });
});

describe('state file', () => {
  it('gives back what was put in, and is refused when it was changed or cut', () => {
    fc.assert(
      fc.property(state, fc.nat(), (s, place) => {
        const file = encodeSpoolState(s);
        expect(decodeSpoolState(file)).toEqual({ ok: true, value: s });
        expect(decodeSpoolState(file.subarray(0, place % file.length)).ok).toBe(false);
      }),
    );
  });
});
