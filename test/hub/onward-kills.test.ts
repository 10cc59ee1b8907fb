import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import { createTransport, type Transporter } from 'nodemailer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openChance } from '../faults/seed.ts';
import { eventually } from '../support/hub.ts';
import { connectImap } from '../support/imap-dialogue.ts';
import type { SunkMessage } from '../support/smtp-sink.ts';
import { type OnwardStack, startOnwardStack } from './onward-stack.ts';

/** `npm run test:full` kills more often. */
const FULL = process.env.POSTERN_TEST_FULL === '1';
const MESSAGES = FULL ? 300 : 20;
const KILLS = FULL ? 40 : 4;
const SUBMITTER = 'user1@domain1.example';
/** Passes everything on to the outside, and answers. */
const AWAY = 'user2@domain1.example';

let onward: OnwardStack;
let stack: OnwardStack['stack'];
let sink: OnwardStack['sink'];

beforeAll(async () => {
  onward = await startOnwardStack();
  ({ stack, sink } = onward);
});

afterAll(() => onward?.stop());

/** What its sender heard of each message: numbers that were answered 250, and those of whose answer nobody knows. */
interface Sent {
  readonly confirmed: Set<number>;
  readonly unclear: Set<number>;
}

async function sendAll(sent: Sent, open: () => Transporter, mail: (n: number) => object): Promise<void> {
  for (let n = 0; n < MESSAGES; n++) {
    for (;;) {
      const mailer = open();
      try {
        await mailer.sendMail(mail(n));
        sent.confirmed.add(n);
        break;
      } catch (error) {
        // Where nobody listened, and where it was refused for now, nothing was taken.
        if (!/ECONNREFUSED|4\d\d[ -]/.test(String(error))) {
          sent.unclear.add(n);
          break;
        }
        await pause(50);
      } finally {
        mailer.close();
      }
    }
  }
}

const submission = (): Transporter =>
  createTransport({
    host: stack.endpoints.hubSubmission.host,
    port: stack.endpoints.hubSubmission.port,
    requireTLS: true,
    tls: { ca: readFileSync(stack.ca, 'utf8'), servername: stack.names.store },
    auth: { user: SUBMITTER, pass: 'user1' },
  });

const fromOutside = (): Transporter =>
  createTransport({ host: stack.endpoints.smtp.host, port: stack.endpoints.smtp.port, ignoreTLS: true });

/** Numbers of the messages in an INBOX, one for each copy. */
async function numbersIn(user: string, what: RegExp): Promise<number[]> {
  const imap = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });
  try {
    await imap.command(`LOGIN ${user} ${user.split('@')[0]}`);
    await imap.command('EXAMINE INBOX');
    const said = await imap.command('FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT AUTO-SUBMITTED)])');
    return Array.from(said.matchAll(what), ([, n]) => Number(n));
  } finally {
    imap.close();
  }
}

/** Numbers of what the world got of a kind: each id once, so that a number twice was queued twice. */
function relayed(what: RegExp, to: (recipient: string) => boolean): number[] {
  const ids = new Map<string, number>();
  for (const { content, recipients, deliveryId = '' } of sink.messages() satisfies SunkMessage[]) {
    const found = what.exec(content);
    if (found !== null && recipients.some(to)) ids.set(deliveryId, Number(found[1]));
  }
  return [...ids.values()];
}

const sorted = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);

/** Nothing waits in the hub's queue nor in the relay's. */
async function untilAllIsSent(): Promise<void> {
  const connection = await createConnection(stack.database.url);
  try {
    await eventually(async () => {
      const [rows] = await connection.query(`SELECT id FROM outgoing WHERE state IN ('pending', 'claimed') LIMIT 1`);
      const spooled = readdirSync(join(stack.spoolFolder, 'active'));
      return (rows as unknown[]).length === 0 && spooled.length === 0 ? true : undefined;
    });
  } finally {
    await connection.end();
  }
}

it('submissions, redirects and vacation replies go by hub and relay to the world while both are killed at any instant: nothing lost, nothing queued twice', {
  timeout: FULL ? 1_800_000 : 240_000,
}, async () => {
  const chance = openChance('kills of hub and relay');
  const script = 'require ["copy", "vacation"]; redirect :copy "mirror@far.example"; vacation "I am away";';
  const imap = await connectImap(stack.endpoints.imap.port, { host: stack.endpoints.imap.host });
  await imap.command(`LOGIN ${AWAY} user2`);
  const entries = '/private/vendor/postern/sieve';
  const set = `SETMETADATA "" (${entries}/mirror {${script.length}+}\r\n${script} ${entries}-active "mirror")`;
  expect(await imap.command(set)).toMatch(/TAG OK/);
  imap.close();

  const submitted: Sent = { confirmed: new Set(), unclear: new Set() };
  const knocked: Sent = { confirmed: new Set(), unclear: new Set() };
  const letter = (from: string, subject: string): string =>
    `From: ${from}\r\nTo: ${AWAY}\r\nBcc: secret@far.example\r\nSubject: ${subject};\r\n\r\nx\r\n`;
  let over = false;
  let kills = 0;
  const killer = async (): Promise<void> => {
    while (kills < KILLS && !over) {
      await pause(chance.int(20, 900));
      const victims = chance.pick([['relay'], ['store'], ['relay', 'store']] as const);
      await Promise.all(
        victims.map(async (name) => {
          await stack.kill(name);
          kills++;
          await pause(chance.int(0, 200));
          await stack.restart(name);
        }),
      );
    }
  };
  const killing = killer();
  await Promise.all([
    sendAll(submitted, submission, (n) => ({
      envelope: { from: SUBMITTER, to: [`far${n}@far.example`, 'secret@far.example'] },
      raw: letter(SUBMITTER, `submitted ${n}`),
    })),
    sendAll(knocked, fromOutside, (n) => ({
      envelope: { from: `s${n}@away.example`, to: [AWAY] },
      raw: letter(`s${n}@away.example`, `knocked ${n}`),
    })),
  ]);
  over = true;
  await killing;
  await untilAllIsSent();

  const expectOnce = (what: string, found: readonly number[], { confirmed, unclear }: Sent): void => {
    expect(
      [...confirmed].filter((n) => !found.includes(n)),
      `${what}: lost`,
    ).toEqual([]);
    expect(
      found.filter((n, i) => found.indexOf(n) !== i),
      `${what}: twice`,
    ).toEqual([]);
    expect(
      found.filter((n) => !confirmed.has(n) && !unclear.has(n)),
      `${what}: from nowhere`,
    ).toEqual([]);
  };
  const outside = relayed(/^Subject: submitted (\d+);/m, (to) => to.startsWith('far'));
  expectOnce('submissions', outside, submitted);
  const inside = await numbersIn(AWAY, /^Subject: knocked (\d+);/gim);
  expectOnce('mail from outside', inside, knocked);
  // What a delivery causes was committed with it: as many as there are, and no more.
  expect(sorted(relayed(/^Subject: knocked (\d+);/m, (to) => to === 'mirror@far.example'))).toEqual(sorted(inside));
  expect(sorted(relayed(/^To: <?s(\d+)@away\.example/m, (to) => to.endsWith('@away.example')))).toEqual(sorted(inside));
  for (const { content } of sink.with('Subject: submitted')) expect(content).not.toMatch(/^Bcc:/im);
  expect(readFileSync(stack.logs.store, 'utf8')).not.toContain('"event":"bounced"');
  expect(kills).toBeGreaterThan(0);
  const copies = sink.messages();
  const doubled = copies.length - new Set(copies.map(({ deliveryId }) => deliveryId)).size;
  console.log(
    `${submitted.confirmed.size} submitted, ${knocked.confirmed.size} from outside, ${submitted.unclear.size + knocked.unclear.size} unanswered; ` +
      `${kills} kills; ${doubled} came again to the world under the same id, their answer lost with the relay`,
  );
});
