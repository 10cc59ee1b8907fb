import fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImapDialogue } from '../support/imap-dialogue.ts';
import { type ImapBackends, type ImapStore, startImapBackends, startImapStore } from '../support/imap-store.ts';

/** Above it a body is not read ahead. */
const SMALL_BYTES = 49_152;
const DIALOGUES = process.env.POSTERN_TEST_FULL === undefined ? 6 : 60;

let backends: ImapBackends;
let store: ImapStore;
/** Another process's store, as far as the mailstore goes: it shares the database alone. */
let other: ImapStore;

beforeAll(async () => {
  backends = await startImapBackends();
  const quick = { maxCommandsPerSecond: 100_000 };
  store = await startImapStore(quick, backends);
  const database = Object.assign(Object.create(backends.database), { createDatabase: async () => store.databaseUrl });
  other = await startImapStore(quick, { ...backends, database });
});

afterAll(async () => {
  await other?.stop();
  await store?.stop();
  await backends?.stop();
});

let tags = 0;
/** Sends a command and hands back what came, octet for octet. */
async function raw(client: ImapDialogue, text: string): Promise<string> {
  const tag = `q${++tags}`;
  client.send(`${tag} ${text}\r\n`);
  return client.until(new RegExp(`^${tag} .*\\r\\n`, 'm'));
}

async function done(client: ImapDialogue, text: string): Promise<string> {
  const answer = await raw(client, text);
  expect(answer).toMatch(/^q\d+ OK /m);
  return answer;
}

/** A message that is like no other. */
function messageOf(seed: number, bytes: number): string {
  let text = `Subject: ${seed}\r\n\r\n`;
  let state = seed + 1;
  while (text.length < bytes) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += `${state.toString(36)}\t${state % 7 === 0 ? '\r\n' : ''}`;
  }
  return text;
}

async function append(client: ImapDialogue, mailbox: string, message: string): Promise<number> {
  const answer = await done(client, `APPEND ${mailbox} {${message.length}+}\r\n${message}`);
  return Number(/APPENDUID \d+ (\d+)/.exec(answer)?.[1]);
}

interface Row {
  readonly sequence: number;
  readonly uid: number | undefined;
  readonly label: string;
  readonly octets: string;
  readonly rest: string;
}

/** The FETCH responses of an answer that have a literal. */
function rowsOf(answer: string): Row[] {
  const rows: Row[] = [];
  const begin = /\* (\d+) FETCH \(([^{}\r\n]*?)(BODY\[[^\]]*\](?:<\d+>)?|RFC822(?:\.TEXT)?|BINARY\[\]) \{(\d+)\}\r\n/g;
  for (let match = begin.exec(answer); match !== null; match = begin.exec(answer)) {
    const from = begin.lastIndex;
    const to = from + Number(match[4]);
    const end = answer.indexOf('\r\n', to);
    const rest = `${match[2]}${answer.slice(to, end)}`;
    rows.push({
      sequence: Number(match[1]),
      uid: /UID (\d+)/.exec(rest)?.[1] === undefined ? undefined : Number(/UID (\d+)/.exec(rest)?.[1]),
      label: match[3] as string,
      octets: answer.slice(from, to),
      rest,
    });
    begin.lastIndex = end;
  }
  return rows;
}

/** What a label stands for. */
function octetsOf(label: string, partial: string, message: string): string {
  const text = label.includes('TEXT') ? message.slice(message.indexOf('\r\n\r\n') + 4) : message;
  const [, offset, count] = /<(\d+)\.(\d+)>/.exec(partial) ?? [];
  return offset === undefined ? text : text.slice(Number(offset), Number(offset) + Number(count));
}

const ITEMS = [
  'BODY.PEEK[]',
  '(UID FLAGS BODY.PEEK[])',
  '(INTERNALDATE RFC822.SIZE BODY.PEEK[])',
  'BODY[]',
  'RFC822',
  'BODY.PEEK[TEXT]',
  'BODY.PEEK[]<0.65536>',
  'BODY.PEEK[]<7.90>',
  'BINARY.PEEK[]',
];

/** A stretch that the reader goes: from somewhere, in steps, some messages at a time. */
const stretch = fc.record({
  from: fc.nat(),
  step: fc.constantFrom(1, 1, 1, 1, -1, -1, -1, 2, -3, 17),
  together: fc.constantFrom(1, 1, 1, 1, 2, 3),
  requests: fc.integer({ min: 3, max: 30 }),
  uid: fc.boolean(),
  item: fc.constantFrom(...ITEMS),
  /** What happens in between, after how many requests. */
  between: fc.array(
    fc.record({
      after: fc.nat(29),
      what: fc.constantFrom('expunge', 'move', 'copy', 'append', 'noop', 'expunge elsewhere', 'append elsewhere'),
      which: fc.nat(),
    }),
    { maxLength: 5 },
  ),
});

test('whatever is read ahead, each message comes with its own octets, and none that is gone', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(stretch, { minLength: 3, maxLength: 8 }), fc.nat(1_000_000), async (stretches, seed) => {
      const name = `Walk${++run}`;
      const writer = await store.signIn('user1@domain1.example');
      const elsewhere = await other.signIn('user1@domain1.example');
      await done(writer, `CREATE ${name}`);
      await writer.command('CREATE Away');
      /** By UID; what was expunged stays here. */
      const messages = new Map<number, string>();
      const gone = new Set<number>();
      const goneElsewhere = new Set<number>();
      const add = async (client: ImapDialogue): Promise<void> => {
        const number = messages.size + seed;
        const message = messageOf(number, number % 23 === 0 ? SMALL_BYTES + 500 : (number * 37) % 4000);
        messages.set(await append(client, name, message), message);
      };
      for (let i = 0; i < 70; i++) await add(writer);
      await done(writer, `SELECT ${name}`);
      await done(elsewhere, `SELECT ${name}`);
      const reader = await store.signIn('user1@domain1.example', name);
      const number = async (): Promise<number[]> =>
        [...(await done(reader, 'FETCH 1:* UID')).matchAll(/\* \d+ FETCH \(UID (\d+)\)/g)].map((match) =>
          Number(match[1]),
        );
      let known = await number();
      /** A message that is there: one of the next ones on the reader's way, or any. */
      const some = (which: number, next: readonly number[]): number | undefined => {
        const isThere = (uid: number): boolean => !gone.has(uid) && !goneElsewhere.has(uid);
        const left = (which % 3 === 0 ? [...messages.keys()] : next).filter(isThere);
        return left[which % left.length];
      };
      const happen = async (what: string, which: number, next: readonly number[]): Promise<void> => {
        const uid = some(which, next);
        if (what === 'append') return add(writer);
        if (what === 'append elsewhere') return add(elsewhere);
        if (what === 'noop') {
          await done(reader, 'NOOP');
          for (const each of goneElsewhere) gone.add(each);
          goneElsewhere.clear();
          known = await number();
          return;
        }
        if (uid === undefined) return;
        const by = what === 'expunge elsewhere' ? elsewhere : writer;
        // Commands pass over UIDs that their session has not heard of.
        await done(by, 'NOOP');
        if (what === 'copy') {
          const copied = /COPYUID \d+ \d+ (\d+)/.exec(await done(writer, `UID COPY ${uid} ${name}`));
          messages.set(Number(copied?.[1]), messages.get(uid) ?? '');
        } else if (what === 'move') {
          await done(writer, `UID MOVE ${uid} Away`);
          gone.add(uid);
        } else {
          await done(by, `UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
          await done(by, `UID EXPUNGE ${uid}`);
          (by === writer ? gone : goneElsewhere).add(uid);
        }
      };
      for (const { from, step, together, requests, uid, item, between } of stretches) {
        for (let i = 0; i < requests; i++) {
          const placeOf = (n: number): number =>
            (((from % known.length) + n * step * together) % known.length) + known.length;
          for (const { after, what, which } of between) {
            const next = Array.from({ length: 8 }, (_, n) => known[placeOf(i + n) % known.length] as number);
            if (after === i) await happen(what, which, next);
          }
          const place = placeOf(i);
          const places = Array.from({ length: together }, (_, n) => (place + n) % known.length).sort((a, b) => a - b);
          const asked = places.map((at) => known[at] as number);
          const set = uid ? asked.join(',') : places.map((at) => at + 1).join(',');
          const answer = await done(reader, `${uid ? 'UID ' : ''}FETCH ${set} ${item}`);
          const rows = rowsOf(answer);
          const answered = new Set<number>();
          for (const row of rows) {
            const of = known[row.sequence - 1] as number;
            expect(row.uid ?? of).toBe(of);
            expect(asked).toContain(of);
            expect(gone.has(of), `UID ${of} is gone`).toBe(false);
            expect(row.octets).toBe(octetsOf(row.label, item, messages.get(of) ?? ''));
            if (row.rest.includes('RFC822.SIZE')) expect(row.rest).toContain(`RFC822.SIZE ${messages.get(of)?.length}`);
            answered.add(of);
          }
          for (const each of asked) {
            if (!gone.has(each) && !goneElsewhere.has(each)) expect(answered, `UID ${each} at ${set}`).toContain(each);
          }
          if (item === 'BODY[]' || item === 'RFC822') {
            const flags = await done(reader, `UID FETCH ${asked.join(',')} FLAGS`);
            const seen = [...flags.matchAll(/FETCH \(UID (\d+) FLAGS \(([^)]*)\)/g)];
            for (const [, of, list] of seen) if (answered.has(Number(of))) expect(list).toContain('\\Seen');
          }
          // What the commands told of expunges and new messages counts from now on.
          known = await number();
        }
      }
      for (const client of [writer, elsewhere, reader]) client.close();
    }),
    { numRuns: DIALOGUES, endOnFailure: true },
  );
}, 120_000);

test('a message that was read ahead and then expunged is not sent, and the answer says why', async () => {
  const writer = await store.signIn('user1@domain1.example');
  await done(writer, 'CREATE Taken');
  for (let i = 0; i < 30; i++) await append(writer, 'Taken', messageOf(i, 300));
  await done(writer, 'SELECT Taken');
  for (const order of [1, -1]) {
    const reader = await store.signIn('user1@domain1.example', 'Taken');
    const nth = (n: number): number => (order === 1 ? n : 29 + 1 - n);
    for (let n = 1; n <= 5; n++) await done(reader, `FETCH ${nth(n)} BODY.PEEK[]`);
    const uid = /UID (\d+)/.exec(await done(reader, `FETCH ${nth(8)} UID`))?.[1];
    await done(writer, `UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    await done(writer, `UID EXPUNGE ${uid}`);
    for (const n of [6, 7, 9, 10]) expect(rowsOf(await done(reader, `FETCH ${nth(n)} BODY.PEEK[]`))).toHaveLength(1);
    for (let again = 0; again < 2; again++) {
      expect(await raw(reader, `FETCH ${nth(8)} BODY.PEEK[]`)).toMatch(/^q\d+ OK \[EXPUNGEISSUED\] /);
    }
    reader.close();
  }
  writer.close();
});

/** How many SELECTs the database has run. */
async function selects(): Promise<number> {
  const connection = await createConnection(store.databaseUrl);
  const [rows] = await connection.query("SHOW GLOBAL STATUS LIKE 'Com_select'");
  await connection.end();
  return Number((rows as { Value: string }[])[0]?.Value);
}

test('a client that takes 160 messages one by one costs a question for sixteen of them, in either direction', async () => {
  const client = await store.signIn('user2@domain1.example');
  const bodies: string[] = [];
  for (let i = 0; i < 160; i++) {
    bodies.push(messageOf(i, 300));
    await append(client, 'INBOX', bodies[i] as string);
  }
  await done(client, 'SELECT INBOX');
  for (const order of [bodies.map((_, i) => i), bodies.map((_, i) => 159 - i)]) {
    const before = await selects();
    for (const i of order) {
      expect(rowsOf(await done(client, `FETCH ${i + 1} BODY.PEEK[]`)).map(({ octets }) => octets)).toEqual([bodies[i]]);
    }
    // Three alone, 4, 8, then sixteen at a time: 13; the feed of changes is read now and then.
    expect((await selects()) - before).toBeLessThan(100);
  }
  client.close();
});

test('in all mail of an account, whose messages lie in several mailboxes, each comes with its own octets', async () => {
  const client = await store.signIn('user3@domain1.example');
  const bodies = Array.from({ length: 30 }, (_, i) => messageOf(5000 + i, 300));
  await done(client, 'CREATE Half');
  for (const [i, body] of bodies.entries()) await append(client, i % 2 === 0 ? 'INBOX' : 'Half', body);
  await done(client, 'SELECT "All Mail"');
  for (const [i, body] of bodies.entries()) {
    expect(rowsOf(await done(client, `FETCH ${i + 1} BODY.PEEK[]`)).map(({ octets }) => octets)).toEqual([body]);
  }
  client.close();
});

test('what was read ahead of a shared mailbox is not handed out any more when its owner has taken the right away', async () => {
  const owner = await store.signIn('user3@domain1.example');
  await done(owner, 'CREATE Shared');
  for (let i = 0; i < 20; i++) await append(owner, 'Shared', messageOf(i, 300));
  for (const from of [store, other]) {
    await done(owner, 'SETACL Shared user2@domain1.example lr');
    const guest = await from.signIn('user2@domain1.example');
    await done(guest, 'SELECT "Other Users/user3@domain1.example/Shared"');
    for (let i = 1; i <= 6; i++) {
      expect(rowsOf(await done(guest, `FETCH ${i} BODY.PEEK[]`))[0]?.octets).toBe(messageOf(i - 1, 300));
    }
    await done(owner, 'SETACL Shared user2@domain1.example ""');
    // Another process hears of it by the feed; NOOP asks.
    if (from === other) guest.send('n NOOP\r\n');
    guest.send('f FETCH 7 BODY.PEEK[]\r\n');
    const rest = await guest.closed();
    expect(rest).toContain('* BYE ');
    expect(rest).not.toContain('FETCH (');
    guest.close();
  }
  owner.close();
});

test('a hundred sessions that read in order share the memory for it, and each gets its own octets', async () => {
  const tight = await startImapStore(
    { maxCommandsPerSecond: 100_000, maxSessionsPerAccount: 200, readAheadMemoryBytes: 1_000_000 },
    {
      ...backends,
      database: Object.assign(Object.create(backends.database), { createDatabase: async () => store.databaseUrl }),
    },
  );
  const writer = await tight.signIn('user2@domain1.example');
  await done(writer, 'CREATE Many');
  const bodies = Array.from({ length: 40 }, (_, i) => messageOf(1000 + i, 20_000));
  for (const body of bodies) await append(writer, 'Many', body);
  const clients = await Promise.all(Array.from({ length: 100 }, () => tight.signIn('user2@domain1.example', 'Many')));
  await Promise.all(
    clients.map(async (client) => {
      for (const [i, body] of bodies.entries()) {
        const tag = `h${i}`;
        client.send(`${tag} FETCH ${i + 1} BODY.PEEK[]\r\n`);
        const answer = await client.until(new RegExp(`^${tag} OK.*\\r\\n`, 'm'));
        expect(rowsOf(answer)[0]?.octets).toBe(body);
      }
    }),
  );
  await tight.stop();
}, 60_000);
