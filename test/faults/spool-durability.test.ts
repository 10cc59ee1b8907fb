import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spool } from '@postern/gateway/relay/spool/spool.ts';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startStack, type TestStack } from '../support/stack.ts';
import { expectAllIsWell, impatient, spooled, untilSpoolIsEmpty } from './after-a-fault.ts';
import { type Forgotten, type Mercy, PowerCutModel } from './power-cut.ts';
import { type Chance, chanceOf, openChance } from './seed.ts';
import { makeMessage } from './sent-message.ts';
import { type Attempt, SmtpSender } from './smtp-sender.ts';
import { type SystemCall, traceProcess, whyNoStrace } from './strace.ts';

const MESSAGES = 60;
const SESSIONS = 5;
const INSTANTS = process.env.POSTERN_TEST_FULL === '1' ? 600 : 80;

const noStrace = whyNoStrace();
if (noStrace !== undefined) console.log(`skipped: what the spool syncs cannot be traced: ${noStrace}`);

/** A reply that promises: the place of its write in the trace, and the spool's file of which it speaks. */
interface Promised {
  readonly id: string;
  readonly place: number;
}

describe.skipIf(noStrace !== undefined)('the spool and what it syncs', () => {
  let stack: TestStack;
  let scratch: string;
  let chance: Chance;
  let calls: SystemCall[];
  let promised: Promised[];
  const attempts: Attempt[] = [];

  beforeAll(async () => {
    chance = openChance('power cuts of the spool');
    scratch = mkdtempSync(join(tmpdir(), 'postern-power-cut-'));
    stack = await startStack({ relay: impatient, without: ['store'] });
    const strace = await traceProcess(stack.pid('relay'), join(scratch, 'trace'));
    const messages = Array.from({ length: MESSAGES }, (_, n) => makeMessage(chance, n, { maxBytes: 3_000 }));
    await sendAll(messages, SESSIONS);
    // A client may have its reply before strace has written that the write returned: another reply of the same thread, and it has.
    (await SmtpSender.open(stack.endpoints.smtp)).close();
    calls = await strace.stop();
    promised = calls.flatMap((call) => {
      const id = /^250 2\.0\.0 Ok, queued as ([0-9a-f]{32})/.exec(call.strings[0]?.toString('latin1') ?? '')?.[1];
      return id === undefined || !/^(?:TCP|socket)/.test(call.target) ? [] : [{ id, place: call.begin }];
    });
  });
  afterAll(async () => {
    await stack.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function sendAll(messages: ReturnType<typeof makeMessage>[], sessions: number): Promise<void> {
    const lane = async (): Promise<void> => {
      const sender = await SmtpSender.open(stack.endpoints.smtp);
      for (let next = messages.shift(); next !== undefined; next = messages.shift())
        attempts.push(await sender.send(next));
      sender.close();
    };
    await Promise.all(Array.from({ length: sessions }, lane));
  }

  test('file and folder are synced before the 250 is written to the client', () => {
    expect(attempts.map((attempt) => attempt.kind)).toEqual(Array(MESSAGES).fill('accepted'));
    expect(promised).toHaveLength(MESSAGES);
    const active = join(stack.spoolFolder, 'active');
    for (const { id, place } of promised) {
      const path = join(active, `${id}.message`);
      const renamed = calls.find((c) => c.name.startsWith('rename') && c.strings[1]?.toString() === path);
      const temporary = renamed?.strings[0]?.toString() ?? '';
      const writes = calls.filter((c) => c.name.includes('write') && (c.target === temporary || c.target === path));
      const lastWrite = writes.at(-1)?.end ?? Number.POSITIVE_INFINITY;
      const sync = calls.find((c) => isSync(c) && c.target === path && c.begin > lastWrite);
      const renamedAt = renamed?.end ?? Number.POSITIVE_INFINITY;
      const folderSync = calls.find((c) => isSync(c) && c.target === active && c.begin > renamedAt);
      expect(writes.length, `${id}: writes`).toBeGreaterThan(0);
      expect(lastWrite, `${id}: nobody sees a part of it`).toBeLessThan(renamed?.begin ?? -1);
      expect(sync?.end, `${id}: the file’s fsync before the 250`).toBeLessThan(place);
      expect(folderSync?.end, `${id}: the folder’s fsync before the 250`).toBeLessThan(place);
    }
  });

  /** Promised messages that the spool does not give back after a power cut at an instant. */
  async function lostAt(instant: number, mercy: Mercy, luck: Chance, forgotten?: Forgotten): Promise<string[]> {
    const folder = mkdtempSync(join(scratch, 'cut-'));
    const model = new PowerCutModel(stack.spoolFolder);
    model.replay(calls, instant, forgotten);
    model.writeTo(folder, mercy, luck);
    const spool = await Spool.open(folder, true);
    const lost: string[] = [];
    for (const { id, place } of promised) {
      if (place > instant) continue;
      const sent = attempts.find((attempt) => attempt.kind === 'accepted' && attempt.reply.endsWith(id))?.message;
      const read = await spool.read('active', id);
      const whole =
        read?.ok === true && sent !== undefined && read.value.content.subarray(-sent.bytes.length).equals(sent.bytes);
      if (!whole) lost.push(id);
    }
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
    return lost;
  }

  test('a power cut at any instant leaves every promised message whole', async () => {
    const last = calls.at(-1)?.end ?? 0;
    const instants = [
      ...promised.map(({ place }) => place),
      ...Array.from({ length: INSTANTS }, () => chance.int(0, last)),
    ];
    for (const instant of instants) {
      for (const mercy of ['none', 'some'] as const) {
        expect(
          await lostAt(instant, mercy, chance),
          `cut at line ${instant} of the trace, ${mercy} of the rest`,
        ).toEqual([]);
      }
    }
  });

  test.each<Forgotten>(['file-syncs', 'folder-syncs'])(
    'the model without %s loses messages: it sees the difference',
    async (kind) => {
      const last = calls.at(-1)?.end ?? 0;
      expect((await lostAt(last, 'none', chanceOf(1), kind)).length).toBe(MESSAGES);
    },
  );

  test('a gateway that starts after a power cut delivers what was promised', async () => {
    const instant = promised[chance.int(MESSAGES / 2, MESSAGES - 1)]?.place ?? 0;
    const folder = join(scratch, 'cut');
    const model = new PowerCutModel(stack.spoolFolder);
    model.replay(calls, instant);
    model.writeTo(folder, 'some', chance);
    await stack.kill('relay');
    rmSync(stack.spoolFolder, { recursive: true, force: true });
    mkdirSync(stack.spoolFolder, { mode: 0o700 });
    cpSync(folder, stack.spoolFolder, { recursive: true });
    const before = new Set(promised.filter(({ place }) => place <= instant).map(({ id }) => id));
    const known = attempts.map((attempt): Attempt => {
      if (attempt.kind !== 'accepted' || before.has(attempt.reply.slice(-32))) return attempt;
      return { kind: 'unanswered', message: attempt.message, cause: 'power cut' };
    });
    attempts.splice(0, attempts.length, ...known);
    await stack.restart('relay');
    await stack.restart('store');
    await untilSpoolIsEmpty(stack);
    // Parts of messages of which nobody was promised anything.
    const parts = spooled(stack, 'damaged').map((name) => name.slice(0, 32));
    expect(parts.filter((id) => before.has(id))).toEqual([]);
    for (const id of parts) rmSync(join(stack.spoolFolder, 'damaged', `${id}.message`));
    await expectAllIsWell(stack, attempts);
  });

  test('a failing fsync of file or folder is 452, and the message is nowhere', async () => {
    await stack.end('store');
    const strace = await traceProcess(stack.pid('relay'), join(scratch, 'failing'), 'fsync:error=EIO:when=1+3');
    const first = attempts.length;
    await sendAll(
      Array.from({ length: 20 }, (_, n) => makeMessage(chance, MESSAGES + n)),
      1,
    );
    await strace.stop();
    const replies = attempts
      .slice(first)
      .map((attempt) => ('reply' in attempt ? attempt.reply.slice(0, 9) : attempt.cause));
    expect(replies).toContain('452 4.3.1');
    expect(new Set(replies)).toEqual(new Set(['452 4.3.1', '250 2.0.0']));
    await stack.restart('store');
    await expectAllIsWell(stack, attempts);
  });

  test('the database syncs at every COMMIT: that is what the store’s 250 rests on', async () => {
    const connection = await createConnection(stack.database.url);
    const [rows] = await connection.query(
      'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@innodb_doublewrite AS doublewrite',
    );
    await connection.end();
    expect(rows).toEqual([{ flush: 1, doublewrite: expect.toSatisfy((value) => value === 1 || value === 'ON') }]);
  });
});

function isSync(call: SystemCall): boolean {
  return (call.name === 'fsync' || call.name === 'fdatasync') && call.result === 0;
}
