import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import { threadKeysOf } from '../../mailstore/message-keys.ts';
import { ResponseWriter } from '../codec/response.ts';
import type { Session } from '../session.ts';
import type { Forest } from './forest.ts';
import { threadsBySubject } from './ordered-subject.ts';
import { threadsByReferences, threadsByRefs } from './references.ts';
import { writeThreads } from './thread.ts';

interface Message {
  readonly id?: string | undefined;
  readonly references?: readonly string[];
  readonly sentAtMs?: number;
  readonly arrivedAtMs?: number;
  readonly subject?: string;
  readonly reply?: boolean;
}

/** Messages 1, 2, 3 …, a minute apart. */
function keysOf(messages: readonly Message[]): ThreadKeys {
  return threadKeysOf(
    messages.map(({ id, references = [], sentAtMs, arrivedAtMs, subject = '', reply = false }, i) => ({
      uid: i + 1,
      sentAtMs: sentAtMs ?? i * 60_000,
      internalDateMs: arrivedAtMs ?? i * 60_000,
      sizeBytes: 0,
      texts: {
        baseSubject: subject,
        isReplyOrForward: reply,
        from: '',
        to: '',
        cc: '',
        displayFrom: '',
        displayTo: '',
      },
      id,
      references,
    })),
  );
}

async function told(forest: Forest, { uids }: ThreadKeys): Promise<string> {
  const out = new ResponseWriter();
  await writeThreads({ out, flow: () => Promise.resolve() } as unknown as Session, forest, uids);
  return Buffer.concat(out.takeFilled(true).map(({ piece, length }) => piece.subarray(0, length))).toString('latin1');
}

const byReferences = (messages: readonly Message[]): Promise<string> => {
  const keys = keysOf(messages);
  return told(threadsByReferences(keys), keys);
};

describe('threads', () => {
  it('RFC 5256 §3: a name that no message has holds two children together, and gives one up', async () => {
    const answers = [
      { id: 'b', references: ['a'] },
      { id: 'c', references: ['a'] },
    ];
    expect(await byReferences(answers)).toBe('((1)(2))');
    expect(await byReferences(answers.slice(0, 1))).toBe('(1)');
    expect(await byReferences([{ id: 'a' }, { id: 'd', references: ['a', 'b', 'c'] }])).toBe('(1 2)');
  });

  it('RFC 5256 §3, step 5: an answer goes below what it answers by its subject, two of one kind below nothing', async () => {
    expect(await byReferences([{ subject: 's' }, { subject: 's', reply: true }])).toBe('(1 2)');
    expect(await byReferences([{ subject: 's' }, { subject: 's' }, { subject: 's', reply: true }])).toBe('((1)(2)(3))');
    expect(await byReferences([{ subject: '' }, { subject: '', reply: true }])).toBe('(1)(2)');
  });

  it('draft-ietf-morg-inthread: REFS leaves subjects alone and tells the thread of what came last at the end', async () => {
    const keys = keysOf([{ id: 'a', subject: 's' }, { subject: 's' }, { id: 'c', references: ['a'], subject: 's' }]);
    expect(await told(threadsByRefs(keys), keys)).toBe('(2)(1 3)');
    expect(await told(threadsBySubject(keys), keys)).toBe('(1 (2)(3))');
  });

  it('draft-ietf-morg-inthread §4: REFS orders threads by arrival, and messages within a thread by the date sent', async () => {
    const keys = keysOf([
      { id: 'a', sentAtMs: 5, arrivedAtMs: 1 },
      { id: 'b', sentAtMs: 1, arrivedAtMs: 9 },
      { id: 'c', references: ['a'], sentAtMs: 8, arrivedAtMs: 2 },
      { id: 'd', references: ['a'], sentAtMs: 7, arrivedAtMs: 3 },
    ]);
    expect(await told(threadsByRefs(keys), keys)).toBe('(1 (4)(3))(2)');
    expect(await told(threadsByReferences(keys), keys)).toBe('(2)(1 (4)(3))');
  });

  it('a chain as long as the mailbox is told without recursion', async () => {
    const chain = Array.from({ length: 30_000 }, (_, i) => ({ id: `m${i}`, references: i === 0 ? [] : [`m${i - 1}`] }));
    expect(await byReferences(chain)).toBe(`(${chain.map((_, i) => i + 1).join(' ')})`);
  });

  it('whatever refers to whatever, in loops too: each message is told once, siblings in order of date', async () => {
    const id = fc.nat(8).map((n) => `m${n}`);
    const message = fc.record({
      id: fc.option(id, { nil: undefined }),
      references: fc.array(id, { maxLength: 4 }),
      sentAtMs: fc.nat(9),
      arrivedAtMs: fc.nat(9),
      subject: fc.constantFrom('', 's', 't'),
      reply: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (messages) => {
        const keys = keysOf(messages);
        for (const algorithm of [threadsByReferences, threadsByRefs, threadsBySubject]) {
          const forest = algorithm(keys);
          const text = await told(forest, keys);
          const numbers = (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);
          expect(numbers).toEqual(messages.map((_, i) => i + 1));
          for (let node = 0; node < messages.length; node += 1) {
            const next = forest.nextSibling[node] ?? -1;
            if (next >= 0) expect(keys.sentAtMs[node]).toBeLessThanOrEqual(keys.sentAtMs[next] ?? 0);
          }
        }
      }),
    );
  });
});
