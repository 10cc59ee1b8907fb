import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { thisMachine } from '../bench/measure/machine.ts';
import { saveResults } from '../bench/report/results-folder.ts';
import { impatient, untilSpoolIsEmpty } from '../faults/after-a-fault.ts';
import { openChance } from '../faults/seed.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openStoreTool } from '../support/store-tool.ts';
import { Figures } from './figures.ts';
import { linePlot } from './line-plot.ts';
import { readByImap, readByWebmail, type Soaked, sendMail } from './load.ts';

const USAGE = `usage: npm run soak -- [MINUTES] [--rate N]

  MINUTES   how long, 60 by default
  --rate    messages a second; by default half of what a burst of 20 seconds shows to be possible beside readers
`;
const BURST_MS = 20_000;
const SAMPLES = 240;
/** More than both of these is no noise of a garbage collector. */
const GROWTH = { percent: 15, mebibytes: 24 };

/** `npm run soak`: mixed load for a long time at half of what the machine can; memory, errors and latencies. Exit code 1 when it is not well. */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rate: { type: 'string' } },
  });
  const minutes = Number(positionals[0] ?? 60);
  if (!(minutes > 0) || positionals.length > 1 || !(Number(values.rate ?? 1) > 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const stack = await startStack({ relay: impatient, withWebmail: true });
  try {
    return await soak(stack, minutes, values.rate === undefined ? undefined : Number(values.rate));
  } finally {
    await stack.stop();
  }
}

async function soak(stack: TestStack, minutes: number, given: number | undefined): Promise<number> {
  const chance = openChance('soak');
  const capacity = given === undefined ? await measureCapacity({ stack, chance }) : 2 * given;
  const rate = capacity / 2;
  const programs = (['relay', 'store', 'webmail', 'database', 'directory'] as const).map((name) => ({
    name,
    pid: stack.pid(name),
  }));
  const figures = new Figures();
  const stop = AbortSignal.timeout(minutes * 60_000);
  const soaked: Soaked = { stack, figures, chance, stop };
  console.log(`${rate.toFixed(1)} messages a second for ${minutes} minutes; IMAP and webmail beside it`);
  const [sent] = await Promise.all([
    sendMail(soaked, rate),
    readAt(soaked, rate),
    watch(figures, programs, minutes, stop),
  ]);
  await untilSpoolIsEmpty(stack);
  const wrong = await check(stack);

  const growth = figures.growth();
  const latencies = figures.latencies();
  console.table(latencies);
  console.table(growth);
  const leaks = Object.entries(growth).filter(
    ([, { beforeMiB, afterMiB, percent }]) => percent > GROWTH.percent && afterMiB - beforeMiB > GROWTH.mebibytes,
  );
  const { errors, samples } = figures;
  for (const { second, kind, text } of errors.slice(0, 20)) console.log(`error at ${second} s, ${kind}: ${text}`);
  console.log(
    `${sent} messages, ${errors.length} errors; check: ${wrong ?? 'ok'}; grew: ${leaks.map(([name]) => name).join(', ') || 'nothing'}`,
  );
  const report = {
    machine: thisMachine(),
    minutes,
    rate,
    sent,
    latencies,
    growth,
    errors,
    check: wrong ?? 'ok',
    samples,
  };
  const lines = programs.map(({ name }) => ({
    label: name,
    points: samples.map(({ second, memoryMiB }) => [second, memoryMiB[name] ?? 0] as const),
  }));
  saveResults('soak', report, linePlot('Memory under mixed load', 'MiB', lines));
  return errors.length > 0 || leaks.length > 0 || wrong !== undefined ? 1 : 0;
}

/** Messages a second that a burst of senders gets rid of: alone first, then while as many read as belong to that. */
async function measureCapacity(given: Pick<Soaked, 'stack' | 'chance'>): Promise<number> {
  const burst = async (readers: number): Promise<number> => {
    const from = performance.now();
    const soaked = { ...given, figures: new Figures(), stop: AbortSignal.timeout(BURST_MS) };
    const [sent] = await Promise.all([sendMail(soaked, 100_000, 20), readers > 0 && readAt(soaked, readers)]);
    return (sent / (performance.now() - from)) * 1_000;
  };
  const alone = await burst(0);
  const capacity = await burst(alone / 2);
  console.log(`capacity: ${alone.toFixed(0)} messages a second alone, ${capacity.toFixed(0)} beside readers`);
  return capacity;
}

/** Those who read, in proportion to so many messages a second. */
function readAt(soaked: Soaked, rate: number): Promise<unknown> {
  return Promise.all([readByImap(soaked, Math.max(2, rate / 5)), readByWebmail(soaked, Math.max(1, rate / 10))]);
}

async function watch(figures: Figures, programs: Parameters<Figures['sample']>[0], minutes: number, stop: AbortSignal) {
  const everyMs = Math.max(1_000, (minutes * 60_000) / SAMPLES);
  while (!stop.aborted) {
    figures.sample(programs);
    await pause(everyMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** What `postern-store check --bodies` has to say; undefined when the books balance. */
async function check(stack: TestStack): Promise<string | undefined> {
  const tool = openStoreTool(stack.database.url);
  try {
    const { output } = await tool.run(['check', '--bodies'], { deadlineMs: 600_000 });
    return output.startsWith('ok: ') ? undefined : output;
  } finally {
    tool.remove();
  }
}

process.exitCode = await main(process.argv.slice(2));
