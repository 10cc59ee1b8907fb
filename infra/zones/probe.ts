import { isIPv6 } from 'node:net';
import { type Attempt, type AttemptOutcome, attempt } from './connection-attempt.ts';
import { type End, endsOf, permittingPath } from './paths.ts';
import type { Policy } from './policy.ts';

/** A connection from one host to one address, and what the policy says of it. */
export interface Probe {
  readonly from: string;
  readonly to: string;
  readonly attempt: Omit<Attempt, 'timeoutMs'>;
  /** Flow that opens it; undefined when it must fail. */
  readonly flow: string | undefined;
}

export interface ProbeResult extends Probe {
  readonly outcome: AttemptOutcome;
}

export interface ProbeTargets {
  /** Further names of `from` and `to`: a network stands for an address in it, the external zone for an address outside. */
  readonly addresses: Readonly<Record<string, readonly string[]>>;
}

/**
 * Every connection that the host can try: each port of the policy, to each leg of each other host and to each further target.
 * Whatever the policy does not open must fail.
 *
 * @param from host, or a network or external zone, of which the prober has an address
 */
export function probesFrom(policy: Policy, from: string, targets: ProbeTargets): Probe[] {
  const sources = endsOf(policy, from).map((end) => sourceOf(end, targets));
  const names = [...Object.keys(policy.hosts), ...Object.keys(targets.addresses)].filter((name) => name !== from);
  const probes: Probe[] = [];
  for (const { end, addresses } of sources) {
    for (const name of names) {
      for (const target of endsOf(policy, name)) {
        for (const address of addressesOf(policy, end, target, targets)) {
          const localAddress = addresses.find((own) => isIPv6(own) === isIPv6(address));
          if (localAddress === undefined) continue;
          for (const { transport, port } of portsOf(policy)) {
            const path = permittingPath(policy, end, target, transport, port);
            probes.push({
              from: end.leg === undefined ? from : `${from}.${end.leg}`,
              to: target.leg === undefined ? name : `${name}.${target.leg}`,
              attempt: { address, port, transport, localAddress },
              flow: path?.flow.id,
            });
          }
        }
      }
    }
  }
  return probes;
}

/** Tries them, `parallel` at a time. */
export async function runProbes(probes: readonly Probe[], timeoutMs: number, parallel = 200): Promise<ProbeResult[]> {
  const results: ProbeResult[] = [];
  const waiting = [...probes];
  const worker = async (): Promise<void> => {
    for (let probe = waiting.shift(); probe !== undefined; probe = waiting.shift()) {
      results.push({ ...probe, outcome: await attempt({ ...probe.attempt, timeoutMs }) });
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return results;
}

/** Results that differ from the policy. */
export function differences(results: readonly ProbeResult[]): ProbeResult[] {
  return results.filter((result) => (result.outcome === 'open') !== (result.flow !== undefined));
}

/** `relay.private → store.lan tcp 25 (10.20.1.24) is open, and no flow says so`. */
export function describeResult({
  from,
  to,
  attempt: { address, port, transport },
  flow,
  outcome,
}: ProbeResult): string {
  const what = `${from} → ${to} ${transport} ${port} (${address})`;
  if ((outcome === 'open') === (flow !== undefined))
    return `${what} is ${outcome}${flow === undefined ? '' : ` (${flow})`}`;
  return flow === undefined ? `${what} is open, and no flow says so` : `${what} is closed, but ${flow} opens it`;
}

/** Every port that the policy knows. */
export function portsOf(policy: Policy): { transport: 'tcp' | 'udp'; port: number }[] {
  const known = new Map<string, { transport: 'tcp' | 'udp'; port: number }>();
  for (const protocol of Object.values(policy.protocols)) {
    for (const transport of ['tcp', 'udp'] as const) {
      for (const text of protocol[transport]) {
        const port = Number.parseInt(String(text), 10);
        known.set(`${transport}/${port}`, { transport, port });
      }
    }
  }
  return [...known.values()];
}

function sourceOf(end: End, targets: ProbeTargets): { end: End; addresses: readonly string[] } {
  if (end.host === undefined) return { end, addresses: targets.addresses[end.network] ?? [] };
  return { end, addresses: end.prefixes.map(({ text }) => text) };
}

/** Where a target is met: from outside by its public address, where it has one. */
function addressesOf(policy: Policy, from: End, target: End, targets: ProbeTargets): readonly string[] {
  if (target.host === undefined) return targets.addresses[target.network] ?? [];
  const addresses = target.prefixes.map(({ text }) => text);
  const seen = policy.hosts[target.host]?.legs[target.leg ?? '']?.public;
  if (from.prefixes.length > 0 || seen === undefined) return addresses;
  return addresses.map((address) => (isIPv6(address) ? address : seen));
}
