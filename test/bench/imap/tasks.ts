import { createHash } from 'node:crypto';
import { realisticMessage } from '../../corpus/corpus.ts';
import { ImapWire } from './imap-wire.ts';

/** One of the two servers. */
export interface ImapSide {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  readonly user: string;
  readonly password: string;
}

/** An open session on the large mailbox, and what a task needs beside it. */
export interface Bench {
  readonly side: ImapSide;
  readonly wire: ImapWire;
  /** Messages in the mailbox. */
  readonly messages: number;
  /** How often this task was run before on this side. */
  readonly round: number;
}

/** Not offered by the server; the row says so. */
export const NOT_OFFERED = Symbol('not offered');

export interface Task {
  readonly name: string;
  /** Our speed over theirs that is wanted, at least; or the most milliseconds. */
  readonly goal: { readonly ratio: number } | { readonly milliseconds: number };
  /** Rounds that are not counted; one when undefined. */
  readonly warmUps?: number;
  /** Milliseconds of what is measured. */
  run(bench: Bench): Promise<number | typeof NOT_OFFERED>;
}

export const MAILBOX = 'Bench';
const STATUS_MAILBOXES = 50;
const STATUS_TIMES = 5;
const PORTION = 5_000;

/** Rounds after which a command that only reads is as fast as it gets. */
const WARM_UPS = 8;
/** The same for those that are over in less than a millisecond: a program that runs for weeks has answered thousands of them. */
const WARM_UPS_OF_SHORT = 100;

/** A task of one command in the large mailbox. */
function command(name: string, ratio: number, text: string | ((bench: Bench) => string)): Task {
  return {
    name,
    goal: { ratio },
    warmUps: WARM_UPS,
    run: ({ wire, ...rest }) => timed(wire, typeof text === 'string' ? text : text({ wire, ...rest })),
  };
}

/** Sent this often where one takes less than the clock and the scheduler blur; the mean counts. */
const TIMES = 20;
/** Those that take less than a turn of the scheduler. */
const TIMES_OF_SHORTEST = 100;

/** A short command, again and again on one connection. */
function shortCommand(name: string, ratio: number, text: string, { warmUps = WARM_UPS, times = TIMES } = {}): Task {
  return {
    name,
    goal: { ratio },
    warmUps,
    async run({ wire }) {
      let milliseconds = 0;
      for (let i = 0; i < times; i += 1) {
        const one = await timed(wire, text);
        if (one === NOT_OFFERED) return one;
        milliseconds += one;
      }
      return milliseconds / times;
    },
  };
}

async function timed(wire: ImapWire, ...pieces: (string | Buffer)[]): Promise<number | typeof NOT_OFFERED> {
  const { status, milliseconds, tail } = await wire.command(...pieces);
  if (status === 'BAD') return NOT_OFFERED;
  if (status !== 'OK') throw new Error(`${String(pieces[0]).slice(0, 60)}: ${tail.slice(-200)}`);
  return milliseconds;
}

async function must(wire: ImapWire, text: string): Promise<void> {
  const { status, tail } = await wire.command(text);
  if (status !== 'OK') throw new Error(`${text}: ${tail.slice(-200)}`);
}

async function session(side: ImapSide): Promise<ImapWire> {
  const wire = await ImapWire.connect(side.port, side.host);
  await wire.login(side.user, side.password);
  return wire;
}

/** An empty mailbox of this name. */
async function emptied(wire: ImapWire, name: string): Promise<void> {
  await wire.command(`DELETE ${name}`);
  await must(wire, `CREATE ${name}`);
}

/** Messages appended one after the other on each of some connections at once: milliseconds of all. None was there before. */
async function append({ side, round }: Bench, connections: number, each: number): Promise<number> {
  const wires = await Promise.all(Array.from({ length: connections }, () => session(side)));
  await emptied(wires[0] as ImapWire, 'Appended');
  const first = (1 + 2 * round + Number(connections > 1)) * 1_000_000;
  const messages = Array.from({ length: connections * each }, (_, i) => realisticMessage(5_000, first + i));
  const start = performance.now();
  await Promise.all(
    wires.map(async (wire, at) => {
      for (const bytes of messages.slice(at * each, (at + 1) * each)) {
        await timed(wire, `APPEND Appended {${bytes.length}+}\r\n`, bytes);
      }
    }),
  );
  const milliseconds = performance.now() - start;
  for (const wire of wires) wire.close();
  return milliseconds;
}

const SINGLE_BODIES = 300;

/** One body after the other on one connection; `place` tells which, from 0. */
function singleBodies(name: string, place: (i: number, bench: Bench) => number): Task {
  return {
    name,
    goal: { ratio: 1 },
    // As many commands as the short ones are warmed up by.
    warmUps: 2 * WARM_UPS,
    async run(bench) {
      const commands = Array.from({ length: SINGLE_BODIES }, (_, i) => `FETCH ${1 + place(i, bench)} BODY.PEEK[]`);
      const start = performance.now();
      for (const text of commands) await timed(bench.wire, text);
      return performance.now() - start;
    },
  };
}

/** What the project measures itself by; the mailbox is selected, and all sessions are plain text. */
export const TASKS: readonly Task[] = [
  {
    name: 'SELECT, new connection',
    goal: { ratio: 1 },
    warmUps: WARM_UPS,
    async run({ side }) {
      let milliseconds = 0;
      for (let i = 0; i < TIMES; i += 1) {
        const wire = await session(side);
        milliseconds += (await timed(wire, `SELECT ${MAILBOX}`)) as number;
        wire.close();
      }
      return milliseconds / TIMES;
    },
  },
  shortCommand('SELECT, same connection', 1, `SELECT ${MAILBOX}`, {
    warmUps: WARM_UPS_OF_SHORT,
    times: TIMES_OF_SHORTEST,
  }),
  shortCommand('FETCH 1:* (UID FLAGS)', 3, 'FETCH 1:* (UID FLAGS)'),
  command('FETCH 1:* (ENVELOPE BODYSTRUCTURE)', 3, 'FETCH 1:* (ENVELOPE BODYSTRUCTURE)'),
  command('FETCH 1:* three header fields', 1, 'FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])'),
  command('FETCH of 1,000 bodies', 1, ({ round, messages }) => {
    const first = 1 + ((round * 1_000) % messages);
    return `FETCH ${first}:${first + 999} BODY.PEEK[]`;
  }),
  // As clients do that copy a mailbox: the next one when the one before has come. Both sides have sent each message before.
  singleBodies('300 single bodies in order', (i, { round, messages }) => ((round % 5) * SINGLE_BODIES + i) % messages),
  singleBodies(
    '300 single bodies, newest first',
    (i, { round, messages }) => messages - 1 - (((round % 5) * SINGLE_BODIES + i) % messages),
  ),
  // In no order, the same for both.
  singleBodies(
    '300 single bodies, scattered',
    (i, { round, messages }) => createHash('md5').update(`${round}/${i}`).digest().readUInt32BE() % messages,
  ),
  shortCommand('SEARCH UNSEEN', 3, 'SEARCH UNSEEN'),
  command('SEARCH SUBJECT', 3, 'SEARCH SUBJECT meeting'),
  command('SEARCH BODY', 3, 'SEARCH BODY "no such words there"'),
  command('SEARCH TEXT', 3, 'SEARCH TEXT "no such words there"'),
  command('SORT (DATE)', 3, 'SORT (DATE) UTF-8 ALL'),
  command('THREAD REFERENCES', 1, 'THREAD REFERENCES UTF-8 ALL'),
  command('STORE 1:* FLAGS', 0.2, ({ round }) => `STORE 1:* ${round % 2 === 0 ? '+' : '-'}FLAGS (\\Flagged)`),
  command(
    'STORE 1:* FLAGS.SILENT',
    0.2,
    ({ round }) => `STORE 1:* ${round % 2 === 0 ? '+' : '-'}FLAGS.SILENT (\\Answered)`,
  ),
  {
    name: 'COPY of 5,000',
    goal: { ratio: 3 },
    async run({ wire }) {
      await emptied(wire, 'Copied');
      return timed(wire, `COPY 1:${PORTION} Copied`);
    },
  },
  {
    name: 'EXPUNGE of 5,000',
    goal: { ratio: 1 },
    async run({ side, wire }) {
      await emptied(wire, 'Expunged');
      await must(wire, `COPY 1:${PORTION} Expunged`);
      const other = await session(side);
      await must(other, 'SELECT Expunged');
      await must(other, 'STORE 1:* +FLAGS.SILENT (\\Deleted)');
      const milliseconds = await timed(other, 'EXPUNGE');
      other.close();
      return milliseconds;
    },
  },
  {
    name: 'STATUS of 50 mailboxes',
    goal: { ratio: 1 },
    warmUps: WARM_UPS_OF_SHORT,
    async run({ wire, round }) {
      const names = Array.from({ length: STATUS_MAILBOXES }, (_, i) => `Status${i}`);
      if (round === 0) for (const name of names) await wire.command(`CREATE ${name}`);
      let sum = 0;
      for (let i = 0; i < STATUS_TIMES; i += 1) {
        const { milliseconds } = await wire.together(names.map((name) => `STATUS ${name} (MESSAGES UIDNEXT UNSEEN)`));
        sum += milliseconds;
      }
      return sum / STATUS_TIMES;
    },
  },
  {
    name: '150 APPENDs, one connection',
    goal: { ratio: 3 },
    warmUps: WARM_UPS,
    run: (bench) => append(bench, 1, 150),
  },
  {
    name: '400 APPENDs, four connections',
    goal: { ratio: 3 },
    warmUps: WARM_UPS,
    run: (bench) => append(bench, 4, 100),
  },
  {
    name: '50 times login and logout',
    goal: { ratio: 1 },
    async run({ side }) {
      const start = performance.now();
      for (let i = 0; i < 50; i += 1) {
        const wire = await session(side);
        await wire.command('LOGOUT');
        wire.close();
      }
      return performance.now() - start;
    },
  },
  {
    name: 'APPEND to EXISTS in an idling session',
    goal: { milliseconds: 10 },
    async run({ side }) {
      const [idling, writing] = [await session(side), await session(side)];
      await must(idling, 'SELECT INBOX');
      const bytes = realisticMessage(5_000, 7);
      const seen = await idling.idle();
      await timed(writing, `APPEND INBOX {${bytes.length}+}\r\n`, bytes);
      const start = performance.now();
      await seen();
      const milliseconds = performance.now() - start;
      idling.close();
      writing.close();
      return milliseconds;
    },
  },
];
