import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readHeader } from '@postern/shared/message/header.ts';
import { AskedProcess } from '@postern/shared/runtime/asked-process.ts';
import { silentLog } from '@postern/shared/runtime/log.ts';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { DkimVerifier, type TxtAnswer } from '../../../gateway/relay/dkim/verify.ts';
import { makeBenchSender } from '../inbound/sender.ts';
import { median } from '../measure/statistics.ts';
import { Watched } from '../measure/watched.ts';
import { type Comparison, type Measured, reportComparison } from '../report/comparison-report.ts';
import { ANSWERING_PROCESS } from './answering-process.ts';

export interface PiecesOptions {
  readonly quick: boolean;
  readonly repeats: number;
}

/** Pieces of work by themselves: judging a DKIM signature beside mailauth, and a question to the process that remembers. */
export async function benchPieces({ quick, repeats }: PiecesOptions): Promise<void> {
  const runs = quick ? 200 : 1_000;
  const sender = makeBenchSender();
  const rows: Comparison[] = [];
  for (const octets of [5_000, 50_000]) {
    const message = await sender.message(octets);
    const ours: number[] = [];
    const theirs: number[] = [];
    const [judge, library] = [ourJudge(message, sender.records), theirJudge(message, sender.records)];
    for (let n = 0; n < repeats; n++) {
      ours.push(await processorTime(runs, judge));
      theirs.push(await processorTime(runs, library));
    }
    const name = `DKIM of ${octets / 1000} KB, CPU ms`;
    rows.push({ name, ours: inThisProcess(ours), theirs: inThisProcess(theirs) });
  }
  rows.push({ name: 'asking the process that remembers, ms', ours: await questions(runs * 10, repeats) });
  const title =
    'Pieces by themselves: a DKIM signature judged by ours and by mailauth, a question from process to process';
  reportComparison({ part: 'pieces', title, unit: 'ms', better: 'less', each: 'a piece', rows });
}

/** Figures that are processor time of this process themselves. */
function inThisProcess(values: readonly number[]): Measured {
  return { values, processorMs: { node: median(values) }, peakMemoryKiB: process.memoryUsage().rss / 1024 };
}

type Records = Readonly<Record<string, readonly string[]>>;

function ourJudge(content: Buffer, records: Records): () => Promise<void> {
  const verifier = new DkimVerifier();
  const lookUpText = async (name: string): Promise<TxtAnswer> => {
    const texts = records[`TXT ${name}`];
    return texts === undefined ? { kind: 'none' } : { kind: 'found', records: texts.map((text) => [text]) };
  };
  return async () => {
    const message = { content, ...readHeader(content, 0, content.length) };
    const [result] = await verifier.verify(message, { maxSignatures: 12, now: new Date(), lookUpText });
    if (result?.result !== 'pass') throw new Error(`our verifier says ${result?.result}`);
  };
}

function theirJudge(content: Buffer, records: Records): () => Promise<void> {
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    const texts = records[`${type} ${name}`];
    if (texts === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
    return texts.map((text) => [text]);
  };
  return async () => {
    const { results } = await dkimVerify(content, { resolver });
    const verdict = results[0]?.status.result;
    if (verdict !== 'pass') throw new Error(`mailauth says ${String(verdict)}`);
  };
}

/** Milliseconds of processor time each. */
async function processorTime(runs: number, work: () => Promise<void>): Promise<number> {
  for (let n = 0; n < runs / 10; n++) await work();
  const before = process.cpuUsage();
  for (let n = 0; n < runs; n++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / runs;
}

/** Milliseconds from a question to its answer, one after the other. */
async function questions(count: number, repeats: number): Promise<Measured> {
  const child = fork(ANSWERING_PROCESS);
  const [ready] = (await once(child, 'message')) as [{ ready?: boolean }];
  if (ready.ready !== true) throw new Error('the answering process did not start');
  const asked = new AskedProcess<{ what: 'rate'; key: string }>(
    (id, { key }) => void child.send({ id, key }),
    silentLog(),
  );
  child.on('message', ({ id, value }: { id: number; value: unknown }) => asked.answered(id, value));
  // This process and its child, which answers.
  const watched = new Watched([{ name: 'node', pid: process.pid }]);
  try {
    for (let round = 0; round < repeats; round++) {
      await watched.run(count, async () => {
        const start = performance.now();
        for (let n = 0; n < count; n++) await asked.ask({ what: 'rate', key: `192.0.2.${n % 250}` }, -1);
        return (performance.now() - start) / count;
      });
    }
  } finally {
    child.kill();
  }
  return watched.measured;
}
