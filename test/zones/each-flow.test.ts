import { checkPolicy } from '@postern/infra/zones/check.ts';
import { endsOf } from '@postern/infra/zones/paths.ts';
import type { Flow, Policy } from '@postern/infra/zones/policy.ts';
import { differences } from '@postern/infra/zones/probe.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildLab, type Lab } from './lab.ts';
import { allProbes, enabledFlows, identity, meetNeighbours, policy, probesOf, SILENCE_MS } from './sample-probes.ts';

/** Each flow removed and widened in turn, in the kernel. Most of the time is waiting for silence, so several labs work side by side. */
const LABS = 4;
const labs: Lab[] = [];
const free: Lab[] = [];
const waiting: ((lab: Lab) => void)[] = [];

beforeAll(async () => {
  for (let n = 0; n < LABS; n++) labs.push(await buildLab(policy));
  for (const lab of labs) lab.apply(policy);
  await Promise.all(labs.map(meetNeighbours));
  free.push(...labs);
});
afterAll(() => {
  for (const lab of labs) lab.stop();
});

/** Runs a task with a lab of its own. */
async function withLab<T>(task: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = free.pop() ?? (await new Promise<Lab>((take) => waiting.push(take)));
  try {
    return await task(lab);
  } finally {
    lab.apply(policy);
    const next = waiting.shift();
    if (next === undefined) free.push(lab);
    else next(lab);
  }
}

describe.concurrent('each flow in turn', () => {
  for (const flow of enabledFlows()) {
    test(`${flow.id}: removed, the probe finds it closed`, () =>
      withLab(async (lab) => {
        lab.apply({ ...policy, flows: policy.flows.filter(({ id }) => id !== flow.id) });
        const own = allProbes.filter((probe) => probe.flow === flow.id);
        const results = await lab.probe(own, SILENCE_MS);
        expect(results.length).toBeGreaterThan(0);
        expect(differences(results)).toHaveLength(results.length);
      }));
  }

  for (const [how, widened] of widenings()) {
    test(`${how}: noticed`, async () => {
      const wide = { ...policy, ...widened };
      const findings = checkPolicy(wide);
      if (findings.length > 0) return expect(findings[0]?.text).toBeTruthy();
      // Right by the rules of the check: then the probe, by the true policy, finds what is open beyond it.
      const permitted = new Set(
        probesOf(wide)
          .filter(({ flow }) => flow !== undefined)
          .map(identity),
      );
      const beyond = allProbes.filter((probe) => probe.flow === undefined && permitted.has(identity(probe)));
      return withLab(async (lab) => {
        lab.apply(wide);
        const results = await lab.probe(beyond, SILENCE_MS);
        expect(differences(results).length).toBeGreaterThan(0);
      });
    });
  }
});

/** Each flow with a wider source, a wider destination, and every port. */
function* widenings(): Generator<[string, Partial<Policy>]> {
  const replaced = (flow: Flow, change: Partial<Flow>): Policy['flows'] =>
    policy.flows.map((one) => (one === flow ? { ...flow, ...change } : one));
  const wider = (name: string): string[] => {
    const ends = endsOf(policy, name);
    return ends.map((end) => (end.host === undefined ? end.zone : end.network)).filter((one) => one !== name);
  };
  const everything = { family: 'everything', tcp: ['1-65535'], udp: ['1-65535'] };
  for (const flow of enabledFlows()) {
    const from = flow.from.flatMap(wider);
    if (from.length > 0) yield [`${flow.id} from ${from}`, { flows: replaced(flow, { from }) }];
    const to = flow.to.flatMap(wider);
    if (to.length > 0) yield [`${flow.id} to ${to}`, { flows: replaced(flow, { to }) }];
    const protocols = { ...policy.protocols, everything };
    yield [`${flow.id} on every port`, { protocols, flows: replaced(flow, { protocol: 'everything' }) }];
  }
}
