import { type Flow, loadPolicy, type Policy, SAMPLE_POLICY } from '@postern/infra/zones/policy.ts';
import { type Probe, type ProbeResult, probesFrom } from '@postern/infra/zones/probe.ts';
import { type Lab, STRANGERS } from './lab.ts';

/** Silence for so long is a drop; within one kernel an answer takes well under a millisecond. */
export const SILENCE_MS = 400;
/** What has to answer may take its time on a busy machine. */
const PATIENCE_MS = 10_000;

/** The sample policy, and every connection that can be tried under it. */
export const policy = readPolicy();
export const allProbes = probesOf(policy);

/** Tries connections: those that must be open with patience. */
export async function probeAll(lab: Lab, probes: readonly Probe[]): Promise<ProbeResult[]> {
  const [open, closed] = await Promise.all([
    lab.probe(
      probes.filter(({ flow }) => flow !== undefined),
      PATIENCE_MS,
    ),
    lab.probe(
      probes.filter(({ flow }) => flow === undefined),
      SILENCE_MS,
    ),
  ]);
  return [...open, ...closed];
}

function readPolicy(): Policy {
  const read = loadPolicy(SAMPLE_POLICY);
  if (!read.ok) throw new Error(read.errors.join('\n'));
  return read.config;
}

/** The kernel queues three packets for a neighbour whose address it still asks for: of hundreds at once the rest would be lost. */
export async function meetNeighbours(of: Lab): Promise<void> {
  await of.probe(
    allProbes.filter(({ flow }) => flow !== undefined),
    3_000,
  );
}

export function enabledFlows(): Flow[] {
  return policy.flows.filter(({ enabled }) => enabled);
}

/**
 * Host by host, address by address, port by port. Where nothing listens on a port, the host's own "no such port" is the proof that every
 * rule on the way let the packet pass.
 */
export function probesOf(of: Policy): Probe[] {
  return [...Object.keys(of.hosts), ...Object.keys(STRANGERS)].flatMap((from) =>
    probesFrom(of, from, { addresses: STRANGERS }),
  );
}

export function identity({ attempt: { address, port, transport, localAddress } }: Probe): string {
  return `${localAddress} ${transport} ${address} ${port}`;
}
