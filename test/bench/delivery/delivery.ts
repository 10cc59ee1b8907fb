import { compileScript } from '@postern/store/sieve/compiler.ts';
import { runScript } from '@postern/store/sieve/interpreter.ts';
import { DEFAULT_LIMITS } from '@postern/store/sieve/limits.ts';
import { SieveMessage } from '@postern/store/sieve/message.ts';
import { startSieveStore } from '../../sieve/sieve-store.ts';
import { thisMachine } from '../measure/machine.ts';
import { median, spreadPercent } from '../measure/statistics.ts';
import { barPlot } from '../report/bar-plot.ts';
import { saveResults } from '../report/results-folder.ts';
import { textTable } from '../report/text-table.ts';
import { scriptOfRules, usualMessage } from './rules.ts';

export interface DeliveryBenchOptions {
  readonly quick: boolean;
  readonly repeats: number;
}

const CONNECTIONS = 10;
const ALICE = 'user1@domain1.example';

/** What Sieve costs a delivery: the processor's time of scripts alone, and messages a second by LMTP with and without them. */
export async function benchDelivery({ quick, repeats }: DeliveryBenchOptions): Promise<void> {
  const runs = quick ? 2_000 : 10_000;
  console.log('\nscripts, processor time (milliseconds)');
  const scriptCosts = [1, 20, 200].map((rules) => ({ rules, ...scriptTimes(rules, runs) }));
  for (const { rules, compileMs, firstMs, runMs } of scriptCosts) {
    console.log(
      `${String(rules).padStart(4)} rules: compiled in ${compileMs.toFixed(2)}, first message ${firstMs.toFixed(2)}, ` +
        `each message of 5 KB ${runMs.toFixed(4)}`,
    );
  }
  const messages = quick ? 500 : 2_000;
  const scripts: readonly (readonly [string, string | undefined])[] = [
    ['no script', undefined],
    ['one rule', 'require "fileinto"; if header :is "x-none" "x" { fileinto "Archive"; }'],
    ['200 rules', scriptOfRules(200)],
  ];
  const store = await startSieveStore();
  try {
    const { id } = await store.account(ALICE);
    await deliverMany(store, messages / 2);
    console.log(`\ndeliveries by LMTP, ${messages} messages of 5 KB on ${CONNECTIONS} connections (messages a second)`);
    const rates = new Map<string, number[]>();
    for (let n = 0; n < repeats; n++) {
      for (const [name, text] of scripts) {
        await store.mailstore.scripts.setActive(id, undefined);
        if (text !== undefined) await store.useScript(ALICE, text);
        await deliverMany(store, CONNECTIONS);
        const start = performance.now();
        await deliverMany(store, messages);
        const rate = messages / ((performance.now() - start) / 1000);
        rates.set(name, [...(rates.get(name) ?? []), rate]);
      }
    }
    const without = median(rates.get('no script') ?? []);
    const rows = [...rates].map(([name, found]) => [
      ...[
        name,
        median(found).toFixed(0),
        `±${spreadPercent(found).toFixed(0)} %`,
        (median(found) / without).toFixed(2),
      ],
    ]);
    console.log(textTable(['deliveries', 'a second', '', 'of those without'], rows));
    const bars = [...rates].map(([label, found]) => ({ label, ours: median(found) }));
    const report = { machine: thisMachine(), at: new Date().toISOString(), messages, scriptCosts, rates: [...rates] };
    saveResults('delivery', report, barPlot('Deliveries a second by LMTP, with Sieve', bars));
  } finally {
    await store.stop();
  }
}

function scriptTimes(rules: number, runs: number): { compileMs: number; firstMs: number; runMs: number } {
  const text = scriptOfRules(rules);
  const startedAt = performance.now();
  const compiled = compileScript(text, DEFAULT_LIMITS, []);
  const compileMs = performance.now() - startedAt;
  if (!compiled.ok) throw new Error(compiled.errors[0]?.message);
  const letters = Array.from({ length: 50 }, (_, n) => Buffer.from(usualMessage(n)));
  const once = (n: number): void => {
    const outcome = runScript(compiled.program, {
      // Nothing is kept from one message to the next.
      message: new SieveMessage(letters[n % letters.length] as Buffer),
      envelope: { from: 'ann@sender.example', to: ALICE },
      now: { ms: 0, zoneMinutes: 0 },
      environment: {},
    });
    if (outcome.kind !== 'decided' || outcome.actions.length !== 1) throw new Error('a rule has matched');
  };
  const firstAt = performance.now();
  once(0);
  const firstMs = performance.now() - firstAt;
  for (let n = 0; n < runs / 10; n++) once(n);
  const before = process.cpuUsage();
  for (let n = 0; n < runs; n++) once(n);
  const { user, system } = process.cpuUsage(before);
  return { compileMs, firstMs, runMs: (user + system) / 1000 / runs };
}

let counter = 0;

async function deliverMany(store: Awaited<ReturnType<typeof startSieveStore>>, messages: number): Promise<void> {
  let left = messages;
  const worker = async (): Promise<void> => {
    const connection = await store.connect();
    while (left-- > 0) await connection.deliverText(ALICE, usualMessage(++counter));
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
