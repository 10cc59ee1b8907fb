import { compileScript } from '@postern/store/sieve/compiler.ts';
import { runScript } from '@postern/store/sieve/interpreter.ts';
import { DEFAULT_LIMITS } from '@postern/store/sieve/limits.ts';
import { SieveMessage } from '@postern/store/sieve/message.ts';
import { Watched } from '../measure/watched.ts';
import { reportComparison } from '../report/comparison-report.ts';
import { type DeliverySide, openDovecotSide, openPosternSide } from './delivery-sides.ts';
import { scriptOfRules, usualMessage } from './rules.ts';

export interface DeliveryBenchOptions {
  readonly quick: boolean;
  readonly repeats: number;
}

const CONNECTIONS = 10;
const SCRIPTS: readonly (readonly [string, string | undefined])[] = [
  ['no script', undefined],
  ['one rule', 'require "fileinto"; if header :is "x-none" "x" { fileinto "Archive"; }'],
  ['200 rules', scriptOfRules(200)],
];

/**
 * Deliveries by LMTP with and without Sieve, ours beside Dovecot with Pigeonhole, in turns; and the processor's time of our scripts alone.
 */
export async function benchDelivery({ quick, repeats }: DeliveryBenchOptions): Promise<void> {
  const runs = quick ? 2_000 : 10_000;
  console.log('\nour scripts, processor time (milliseconds)');
  const scriptCosts = [1, 20, 200].map((rules) => ({ rules, ...scriptTimes(rules, runs) }));
  for (const { rules, compileMs, firstMs, runMs } of scriptCosts) {
    console.log(
      `${String(rules).padStart(4)} rules: compiled in ${compileMs.toFixed(2)}, first message ${firstMs.toFixed(2)}, ` +
        `each message of 5 KB ${runMs.toFixed(4)}`,
    );
  }
  const messages = quick ? 500 : 2_000;
  const ours = await openPosternSide();
  const theirs = await openDovecotSide().catch(async (fault: unknown) => {
    await ours.close();
    throw fault;
  });
  try {
    const sides = [ours, theirs];
    for (const side of sides) await deliverMany(side, messages / 2);
    const watched = SCRIPTS.map(() => sides.map((side) => new Watched(side.programs)));
    for (let n = 0; n < repeats; n++) {
      for (const [s, [, text]] of SCRIPTS.entries()) {
        for (const [at, side] of sides.entries()) {
          await side.use(text);
          await deliverMany(side, CONNECTIONS);
          await watched[s]?.[at]?.run(messages, async () => {
            const start = performance.now();
            await deliverMany(side, messages);
            return messages / ((performance.now() - start) / 1000);
          });
        }
      }
    }
    reportComparison({
      part: 'delivery',
      title: `Deliveries by LMTP with Sieve: ${messages} messages of 5 KB on ${CONNECTIONS} connections, beside Dovecot with Pigeonhole`,
      unit: 'a second',
      better: 'more',
      each: 'a message',
      rows: SCRIPTS.map(([name], s) => {
        const [our, their] = watched[s] as [Watched, Watched];
        return { name, ours: our.measured, theirs: their.measured };
      }),
      more: { messages, scriptCosts },
    });
  } finally {
    await theirs.close();
    await ours.close();
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
      envelope: { from: 'ann@sender.example', to: 'user1@domain1.example' },
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

async function deliverMany(side: DeliverySide, messages: number): Promise<void> {
  let left = messages;
  const worker = async (): Promise<void> => {
    const connection = await side.connect();
    while (left-- > 0) await connection.deliver(usualMessage(++counter));
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
