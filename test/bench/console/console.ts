import { readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestDatabase } from '../../support/mariadb.ts';
import { makeTestPki } from '../../support/pki.ts';
import { startSlapd } from '../../support/slapd.ts';
import { startStore } from '../../support/store-process.ts';
import type { NamedProcess } from '../measure/processes.ts';
import { median } from '../measure/statistics.ts';
import { Watched } from '../measure/watched.ts';
import { type Comparison, reportComparison } from '../report/comparison-report.ts';
import { PASSWORD, type People, writePeople } from './people.ts';

export interface ConsoleBenchOptions {
  readonly accounts: number;
  readonly repeats: number;
  readonly only: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly cookie: string | undefined;
}

interface Task {
  readonly name: string;
  readonly who: 'administrator' | 'postmaster';
  readonly path: string | ((turn: number) => string);
  /** Entries that the answer must hold, so that no figure is that of an empty answer. */
  readonly atLeast?: number;
}

/** Longest that a person shall wait for a page of the console. */
const LIMIT_MS = 300;
/** So many pages of a list are turned. */
const PAGES = 20;
const SITE = 'siteadmin@domain2.example';

/** The console over many accounts in a real slapd: how long each page of it takes, and what it costs. */
export async function benchConsole({ accounts, repeats, only }: ConsoleBenchOptions): Promise<void> {
  const ldif = join(tmpdir(), `postern-bench-people-${process.pid}.ldif`);
  const people = writePeople(ldif, accounts);
  const loading = performance.now();
  const [pki, slapd, database] = await Promise.all([
    makeTestPki(),
    startSlapd({ moreEntries: ldif }),
    startTestDatabase(),
  ]);
  rmSync(ldif);
  console.log(`${accounts} accounts in ${people.domains} domains, loaded in ${seconds(performance.now() - loading)} s`);
  const store = await startStore({
    pki,
    slapd,
    databaseUrl: database.url,
    config: { console: { listen: { address: '127.0.0.1', port: 0 } } },
  });
  const agent = new Agent({ keepAlive: true, ca: readFileSync(pki.ca, 'utf8') });
  try {
    const ask = asker(agent, Number(store.ready.console));
    const cookies = {
      administrator: await signIn(ask, SITE, 'siteadmin'),
      postmaster: await signIn(ask, people.postmaster, PASSWORD),
    };
    const programs: NamedProcess[] = [
      { name: 'slapd', pid: slapd.pid },
      { name: 'store', pid: store.pid },
    ];
    const rows: Comparison[] = [];
    for (const task of tasksOf(people)) {
      if (only !== undefined && !`${task.who}: ${task.name}`.includes(only)) continue;
      rows.push(await measure(task, repeats, (path) => ask('GET', path, cookies[task.who]), programs));
    }
    const walking = new Watched(programs);
    await walking.run(PAGES, () => walk((path) => ask('GET', path, cookies.administrator), PAGES));
    rows.push({ name: `administrator: each of ${PAGES} pages in turn`, ours: walking.measured, goal: LIMIT_MS });
    report(rows, accounts);
  } finally {
    agent.destroy();
    await store.stop();
    await Promise.all([slapd.stop(), database.stop()]);
    pki.remove();
  }
}

function tasksOf({ largeDomain, someone, postmaster }: People): Task[] {
  const q = encodeURIComponent;
  const both = (name: string, path: Task['path'], atLeast?: number): Task[] =>
    (['administrator', 'postmaster'] as const).map((who) => ({ name, who, path, ...(atLeast ? { atLeast } : {}) }));
  return [
    ...both('who am I', '/api/session'),
    ...both('list', '/api/accounts?size=50', 50),
    ...both('list of a domain', `/api/accounts?size=50&domain=${largeDomain}`, 50),
    ...both('search: an address', (turn) => `/api/accounts?size=50&search=${q(`person${1000 + turn}@large`)}`, 1),
    ...both('search: a common name', '/api/accounts?size=50&search=meier', 50),
    ...both('search: a number', (turn) => `/api/accounts?size=50&search=${2000 + turn}`, 1),
    ...both('search: three letters', '/api/accounts?size=50&search=hub', 50),
    ...both('search: three rare letters', '/api/accounts?size=50&search=zzq'),
    ...both('search: two letters', '/api/accounts?size=50&search=an', 50),
    ...both('search: two rare letters', '/api/accounts?size=50&search=zz'),
    ...both('search: nothing there', '/api/accounts?size=50&search=nobody-of-this-name'),
    ...both('aliases', '/api/aliases?size=50', 50),
    ...both('aliases: by target', (turn) => `/api/aliases?size=50&search=${q(`person${10 * (turn + 1)}@large`)}`, 1),
    ...both('open an account', (turn) => `/api/accounts/${q(`person${300 + turn}@${largeDomain}`)}`),
    ...both('open who has an alias', `/api/accounts/${q(someone)}`),
    { name: 'open a postmaster', who: 'administrator', path: `/api/accounts/${q(postmaster)}` },
    ...both('domains', '/api/domains?size=50', 1),
    ...both('open a domain', `/api/domains/${largeDomain}`),
  ];
}

type Ask = (method: string, path: string, cookie?: string, body?: object) => Promise<Answer>;

async function measure(
  { name, who, path, atLeast = 0 }: Task,
  repeats: number,
  get: (path: string) => Promise<Answer>,
  programs: readonly NamedProcess[],
): Promise<Comparison> {
  const watched = new Watched(programs);
  await watched.run(repeats, async () => {
    const times: number[] = [];
    for (let turn = 0; turn < repeats; turn += 1) {
      const asked = typeof path === 'string' ? path : path(turn);
      const start = performance.now();
      const { status, text } = await get(asked);
      times.push(performance.now() - start);
      const found = status === 200 ? ((JSON.parse(text) as { items?: unknown[] }).items?.length ?? 0) : -1;
      if (found < atLeast) throw new Error(`${who}, ${name}: ${asked} gave ${status}, ${text.slice(0, 200)}`);
    }
    return times;
  });
  return { name: `${who}: ${name}`, ours: watched.measured, goal: LIMIT_MS };
}

/** Pages of one list, one after the other: milliseconds of each. */
async function walk(get: (path: string) => Promise<Answer>, pages: number): Promise<number[]> {
  const times: number[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < pages; n += 1) {
    const start = performance.now();
    const { text } = await get(`/api/accounts?size=50${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    times.push(performance.now() - start);
    const page = JSON.parse(text) as { items: unknown[]; nextCursor?: string };
    if (page.items.length !== 50 || page.nextCursor === undefined) throw new Error(`page ${n} is not whole`);
    cursor = page.nextCursor;
  }
  return times;
}

/** Fails when a page takes longer than somebody shall wait. */
function report(rows: readonly Comparison[], accounts: number): void {
  const title = `Pages of the console over ${accounts.toLocaleString('en')} accounts`;
  reportComparison({ part: 'console', title, unit: 'ms', better: 'less', each: 'a page', rows });
  if (rows.some(({ ours }) => median(ours.values) > LIMIT_MS)) process.exitCode = 1;
}

async function signIn(ask: Ask, address: string, password: string): Promise<string> {
  const { status, cookie, text } = await ask('POST', '/api/session', undefined, { address, password });
  if (status !== 200 || cookie === undefined) throw new Error(`${address} does not sign in: ${status} ${text}`);
  return cookie;
}

function asker(agent: Agent, port: number): Ask {
  const url = `https://127.0.0.1:${port}`;
  return (method, path, cookie, body) =>
    new Promise((resolve, reject) => {
      const headers = {
        ...(cookie === undefined ? {} : { Cookie: cookie }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json', Origin: url }),
      };
      const asked = request(`${url}${path}`, { method, agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
        });
        const [set] = answer.headers['set-cookie'] ?? [];
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, cookie: set?.split(';')[0] }));
      });
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

const seconds = (ms: number): string => (ms / 1000).toFixed(0);
