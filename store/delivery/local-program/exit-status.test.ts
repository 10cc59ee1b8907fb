import { expect, test } from 'vitest';
import { judgeEnd } from './exit-status.ts';

test.each([
  [0, 'taken'],
  [75, 'later'],
  [65, 'refused'],
  [67, 'refused'],
  [77, 'refused'],
  [1, 'kept'],
  [64, 'kept'],
  [69, 'kept'],
  [70, 'kept'],
  [73, 'kept'],
  [78, 'kept'],
  [126, 'kept'],
  [127, 'kept'],
  [255, 'kept'],
] as const)('exit status %i: %s', (status, kind) => {
  const verdict = judgeEnd({ kind: 'exited', status });
  expect(verdict.kind).toBe(kind);
  if (verdict.kind === 'refused') expect(verdict.reply.code).toBeGreaterThanOrEqual(550);
});

test('a program that was killed, or never run, leaves the message in INBOX', () => {
  expect(judgeEnd({ kind: 'killed', why: 'time' }).kind).toBe('kept');
  expect(judgeEnd({ kind: 'killed', why: 'signal' }).kind).toBe('kept');
  expect(judgeEnd({ kind: 'not-run', cause: 'no' }).kind).toBe('kept');
});
