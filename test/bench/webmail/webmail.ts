import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventFeed, WebClient } from '../../support/jmap.ts';
import { sendOctets } from '../../support/mailbox.ts';
import { startStack, type TestStack } from '../../support/stack.ts';
import { fillByImap, fillByMailstore } from '../imap/fill.ts';
import { accountOf } from '../imap/imap.ts';
import type { NamedProcess } from '../measure/processes.ts';
import { median } from '../measure/statistics.ts';
import { Watched } from '../measure/watched.ts';
import { type Comparison, figuresAlone, reportComparison } from '../report/comparison-report.ts';
import { startDovecot } from '../sides/dovecot.ts';
import { RoundcubeClient, startRoundcube } from '../sides/roundcube.ts';
import { PaintClock, type PaintedPage } from './first-paint.ts';
import { PAGE_SIZE, posternSide, roundcubeSide, type WebSide } from './web-sides.ts';

export interface WebmailBenchOptions {
  readonly messages: number;
  /** Idle sessions, with an event stream each. */
  readonly sessions: number;
  readonly repeats: number;
  /** Names, separated by commas: sessions, list, open, paint, push. */
  readonly only: string | undefined;
}

const USER = 'user1@domain1.example';
const PASSWORD = 'user1';
const OCTETS = 3_000;
const WARM_UPS = 3;
/** Sessions that sign in at the same time. */
const TOGETHER = 10;

/** What an inbox of many messages costs in a browser and at the server, our webmail and store beside Debian's Roundcube and Dovecot, in turns. */
export async function benchWebmail({ messages, sessions, repeats, only }: WebmailBenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
  chmodSync(folder, 0o755);
  const stack = await startStack({ withWebmail: true, databaseOptions: ['--innodb-buffer-pool-size=1024M'] });
  const dovecot = await startDovecot(folder, 'sdbox').catch(async (fault: unknown) => {
    await stack.stop();
    throw fault;
  });
  let roundcube: Awaited<ReturnType<typeof startRoundcube>> | undefined;
  const figures: Comparison[] = [];
  const wanted = (name: string): boolean => only === undefined || only.split(',').includes(name);
  const put = (figure: Comparison): void => {
    figures.push(figure);
    const text = (values: readonly number[] | undefined): string =>
      values === undefined ? '-' : values.map((value) => value.toFixed(1)).join(' ');
    console.log(`${figure.name}: ours ${text(figure.ours.values)}  theirs ${text(figure.theirs?.values)}`);
  };
  try {
    if (wanted('sessions')) put(await idleSessions(stack, sessions));
    const report = (): void =>
      reportComparison({
        part: 'webmail',
        title: `Webmail over an inbox of ${messages.toLocaleString('en')}, beside Roundcube`,
        unit: '',
        better: 'less',
        each: 'a page or message',
        rows: figures,
        more: { messages, sessions },
      });
    if (!['list', 'open', 'paint', 'push'].some(wanted)) return report();
    roundcube = await startRoundcube(folder, dovecot.imapPort);
    console.log(`filling both with ${messages} messages`);
    const { imap } = stack.endpoints;
    const ours = { name: 'Postern', host: imap.host, port: imap.port, user: USER, password: PASSWORD };
    const peer = { host: '127.0.0.1', port: dovecot.imapPort, user: 'bench', password: dovecot.password };
    const filling = { mailbox: 'INBOX', octets: OCTETS };
    await fillByMailstore(stack.database.url, await accountOf(stack, ours), messages, filling);
    await fillByImap({ ...peer, name: 'Dovecot' }, messages, filling);

    const client = new WebClient(stack);
    await client.signIn(USER);
    const theirClient = new RoundcubeClient(roundcube.url);
    await theirClient.signIn('bench', dovecot.password);
    const theirPrograms = [
      { name: 'php', pid: roundcube.pid },
      { name: 'dovecot', pid: dovecot.pid },
    ];
    const sides = [
      await posternSide(client, programsOf(stack)),
      roundcubeSide(theirClient, theirPrograms, messages),
    ] as const;
    const places = Array.from({ length: WARM_UPS + repeats }, (_, n) => Math.floor((n * 7_919) % messages));
    if (wanted('list')) {
      put(await inTurns('a page of the list, ms', sides, places, (side, at) => side.list(Math.floor(at / PAGE_SIZE))));
    }
    if (wanted('open'))
      put({ ...(await inTurns('open a message, ms', sides, places, (side, at) => side.open(at))), goal: 100 });
    if (wanted('paint')) {
      const page = { url: client.origin, rows: '[role=row] [role=gridcell].row-main', cookies: client.cookies };
      const their = {
        url: `${roundcube.url}/?_task=mail`,
        rows: '#messagelist tbody tr.message',
        cookies: theirClient.cookies,
      };
      for (const figure of await paints(
        stack,
        { ...page, programs: programsOf(stack) },
        { ...their, programs: theirPrograms },
        repeats,
      ))
        put(figure);
    }
    if (wanted('push')) put(await pushLatency(stack, client, repeats));
    client.close();
    report();
  } finally {
    await roundcube?.stop();
    await dovecot.stop();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const programsOf = (stack: TestStack): NamedProcess[] => [
  { name: 'webmail', pid: stack.pid('webmail') },
  { name: 'store', pid: stack.pid('store') },
  { name: 'mariadbd', pid: stack.pid('database') },
];

/** The first rounds warm both up, and are not counted. */
async function inTurns(
  name: string,
  sides: readonly [WebSide, WebSide],
  places: readonly number[],
  work: (side: WebSide, at: number) => Promise<void>,
): Promise<Comparison> {
  const watched = sides.map(({ programs }) => new Watched(programs)) as [Watched, Watched];
  for (const [round, at] of places.entries()) {
    for (const [n, side] of sides.entries()) {
      await side.prepare(at);
      const timed = async (): Promise<number> => {
        const start = performance.now();
        await work(side, at);
        return performance.now() - start;
      };
      if (round < WARM_UPS) await timed();
      else await watched[n]?.run(1, timed);
    }
  }
  return { name, ours: watched[0].measured, theirs: watched[1].measured };
}

interface WatchedPage extends PaintedPage {
  readonly programs: readonly NamedProcess[];
}

async function paints(
  stack: TestStack,
  ours: WatchedPage,
  theirs: WatchedPage,
  repeats: number,
): Promise<Comparison[]> {
  const clock = await PaintClock.start();
  try {
    const rounds = Math.min(repeats, 7);
    // The first page of a browser that has just begun.
    await clock.measure(ours);
    const [own, their] = [new Watched(ours.programs), new Watched(theirs.programs)];
    const bytes = [0, 0];
    for (let n = 0; n < rounds; n += 1) {
      for (const [side, page, watched] of [[0, ours, own] as const, [1, theirs, their] as const]) {
        await watched.run(1, async () => {
          const { milliseconds, scriptBytes } = await clock.measure(page);
          bytes[side] = scriptBytes;
          return milliseconds;
        });
      }
    }
    const fresh = new Watched(ours.programs);
    for (let n = 0; n < rounds; n += 1) {
      const client = new WebClient(stack);
      await client.signIn(USER);
      await fresh.run(1, async () => (await clock.measure({ ...ours, cookies: client.cookies })).milliseconds);
      client.close();
    }
    const restarted: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      await stack.restart('webmail');
      restarted.push((await clock.measure(ours)).milliseconds);
    }
    return [
      { name: 'first paint of the list, ms', ours: own.measured, theirs: their.measured, goal: 1_000 },
      { name: 'first paint after a sign-in, ms', ours: fresh.measured, goal: 1_000 },
      { name: 'first paint after a restart of the host, ms', ours: figuresAlone(restarted) },
      {
        name: 'scripts until then, KB',
        ours: figuresAlone([(bytes[0] ?? 0) / 1_000]),
        theirs: figuresAlone([(bytes[1] ?? 0) / 1_000]),
        goal: 150,
      },
    ];
  } finally {
    await clock.close();
  }
}

/** From the 250 of the gateway to the event in an open stream. */
async function pushLatency(stack: TestStack, client: WebClient, repeats: number): Promise<Comparison> {
  const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
  const feed = await EventFeed.open(stack, cookie, 'types=EmailDelivery&closeafter=no&ping=0');
  await feed.next(({ event }) => event === 'state');
  const watched = new Watched(programsOf(stack));
  for (let n = 0; n < repeats; n += 1) {
    await watched.run(1, async () => {
      const heard = feed.next(({ event }) => event === 'state').then(() => performance.now());
      await sendOctets(stack, [USER], Buffer.from(`From: a@elsewhere.example\r\nSubject: push ${n}\r\n\r\nx\r\n`));
      const accepted = performance.now();
      return Math.max(0, (await heard) - accepted);
    });
  }
  feed.close();
  return { name: 'push after the 250, ms', ours: watched.measured, goal: 1_000 };
}

/** Memory of the webmail process when so many people have the app open and do nothing. */
async function idleSessions(stack: TestStack, sessions: number): Promise<Comparison> {
  const users = stack.accounts.filter(({ address }) => /^user\d@/.test(address)).map(({ address }) => address);
  const feeds: EventFeed[] = [];
  let taken = 0;
  const next = async (): Promise<void> => {
    while (taken < sessions) {
      const client = new WebClient(stack);
      await client.signIn(users[taken++ % users.length] ?? USER);
      const cookie = `__Host-postern-watch=${client.cookies.get('__Host-postern-watch')}`;
      client.close();
      feeds.push(await EventFeed.open(stack, cookie, 'types=*&closeafter=no&ping=0'));
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, next));
  const readings: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const status = readFileSync(`/proc/${stack.pid('webmail')}/status`, 'utf8');
    readings.push(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024);
  }
  if (feeds.some(({ ended }) => ended)) throw new Error('an event stream has ended');
  for (const feed of feeds) feed.close();
  return { name: `${sessions} idle sessions, MiB`, ours: figuresAlone([median(readings)]), goal: 300 };
}
