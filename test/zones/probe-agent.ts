import { createInterface } from 'node:readline';
import { type Probe, runProbes } from '@postern/infra/zones/probe.ts';

// Runs within a namespace; ends with its input.
for await (const line of createInterface({ input: process.stdin })) {
  const { probes, timeoutMs } = JSON.parse(line) as { probes: Probe[]; timeoutMs: number };
  process.stdout.write(`${JSON.stringify(await runProbes(probes, timeoutMs, 1_000))}\n`);
}
