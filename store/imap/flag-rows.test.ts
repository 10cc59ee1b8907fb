import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recyclePiece } from '../connection/piece-writer.ts';
import { ALL_SYSTEM_FLAGS, systemFlagNames } from '../mailstore/flags.ts';
import { MessageColumns } from '../mailstore/message-columns.ts';
import { ResponseWriter } from './codec/response.ts';
import { writeFlagRows } from './flag-rows.ts';
import type { Session } from './session.ts';

/** Names by number; the last is as long as a keyword may be, so that a list of several is long. */
const NAMES = Array.from({ length: 60 }, (_, no) => `$k${no}${no >= 50 ? 'x'.repeat(250) : ''}`);

const row = fc.record({
  gap: fc.integer({ min: 1, max: 5_000_000 }),
  flags: fc.nat(ALL_SYSTEM_FLAGS),
  keywords: fc.oneof(fc.constant<number[]>([]), fc.uniqueArray(fc.nat(59), { maxLength: 12 })),
  modSeq: fc.maxSafeNat(),
});

test('rows of flags, UIDs and mod-sequences are what each message has, whatever combination was rendered before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 60 }),
      fc.nat(80),
      fc.boolean(),
      async (rows, old, only) => {
        const columns = new MessageColumns();
        let uid = 0;
        for (const { gap, flags, keywords, modSeq } of rows) {
          uid += gap;
          const bits = (from: number): number =>
            keywords.reduce((sum, no) => sum + (no >= from && no < from + 32 ? 2 ** (no - from) : 0), 0);
          columns.put({ uid, flags, keywordsLow: bits(0), keywordsHigh: bits(32), modSeq });
        }
        const recentFromUid = columns.uids[old] ?? Number.POSITIVE_INFINITY;
        const namesAt = (sequence: number): string[] =>
          [...(rows[sequence - 1]?.keywords ?? [])].sort((a, b) => a - b).map((no) => NAMES[no] ?? '');
        const out = new ResponseWriter();
        const view = { columns, recentFromUid, hasKeywords: columns.keywordsLow !== undefined, keywordsAt: namesAt };
        const session = { out, uidOnly: only, selected: { view }, flow: () => Promise.resolve() } as unknown as Session;
        const attributes = [{ kind: 'uid' }, { kind: 'flags' }, { kind: 'modseq' }] as const;
        await writeFlagRows(session, [{ first: 1, last: rows.length }], attributes);
        const pieces = out.takeFilled(true);
        const text = Buffer.concat(pieces.map(({ piece, length }) => piece.subarray(0, length))).toString('latin1');
        for (const { piece } of pieces) recyclePiece(piece);
        const wanted = rows.map(({ flags, modSeq }, i) => {
          const mine = columns.uids[i] ?? 0;
          const names = [...systemFlagNames(flags), ...namesAt(i + 1), ...(mine >= recentFromUid ? ['\\Recent'] : [])];
          const start = only ? `* ${mine} UIDFETCH` : `* ${i + 1} FETCH`;
          return `${start} (UID ${mine} FLAGS (${names.join(' ')}) MODSEQ (${modSeq}))\r\n`;
        });
        expect(text).toBe(wanted.join(''));
      },
    ),
  );
});
