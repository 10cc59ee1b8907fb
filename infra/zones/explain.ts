import { isIP } from 'node:net';
import { type End, endOfAddress, endsOf, firewallsBetween, pathsOfFlow, permittingPath, protocolHas } from './paths.ts';
import type { Policy } from './policy.ts';

export interface Explanation {
  readonly open: boolean;
  readonly lines: readonly string[];
}

/**
 * Says which flow opens a connection, and where its rules stand; or why none does.
 *
 * @param from zone, network, host, host.leg or address, as is `to`
 * @param port `25`, `53/udp`, or the name of a protocol
 * @throws TypeError for a name that the policy does not know
 */
export function explain(policy: Policy, from: string, to: string, port: string): Explanation {
  const wanted = portsOf(policy, port);
  const lines: string[] = [];
  let open = false;
  for (const source of ends(policy, from)) {
    for (const target of ends(policy, to)) {
      if (source.host !== undefined && source.host === target.host) continue;
      for (const { transport, number } of wanted) {
        const path = permittingPath(policy, source, target, transport, number);
        const what = `${show(source)} → ${show(target)} ${transport} ${number}`;
        if (path === undefined) {
          lines.push(`${what}: closed. ${whyNot(policy, source, target, transport, number)}`);
          continue;
        }
        open = true;
        const places = [
          ...(source.host === undefined ? [] : [`${source.host} (output)`]),
          ...(path.through ?? []).map((firewall) => `firewall ${firewall} (forward)`),
          ...(target.host === undefined ? [] : [`${target.host} (input)`]),
        ];
        lines.push(`${what}: open by ${path.flow.id}, rules on ${places.join(', ')}. ${path.flow.reason}`);
      }
    }
  }
  return { open, lines };
}

function portsOf(policy: Policy, text: string): { transport: 'tcp' | 'udp'; number: number }[] {
  const match = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  if (match !== null) return [{ transport: match[2] === 'udp' ? 'udp' : 'tcp', number: Number(match[1]) }];
  const protocol = policy.protocols[text];
  if (protocol === undefined) throw new TypeError(`${text} is no port and no protocol of the policy`);
  return (['tcp', 'udp'] as const).flatMap((transport) =>
    protocol[transport].map((port) => ({ transport, number: Number.parseInt(String(port), 10) })),
  );
}

function ends(policy: Policy, name: string): End[] {
  if (isIP(name) !== 0) {
    const end = endOfAddress(policy, name);
    if (end !== undefined) return [end];
  }
  const found = endsOf(policy, name);
  if (found.length === 0) throw new TypeError(`${name} is no zone, network, host, leg or address of the policy`);
  return found;
}

function show(end: End): string {
  return end.host === undefined ? end.network : `${end.host}.${end.leg}`;
}

function whyNot(policy: Policy, from: End, to: End, transport: 'tcp' | 'udp', port: number): string {
  if (firewallsBetween(policy, from.network, to.network) === undefined) {
    return `No firewall joins ${from.network} and ${to.network}.`;
  }
  const disabled = policy.flows.find(
    (flow) =>
      !flow.enabled &&
      protocolHas(policy, flow.protocol, transport, port) &&
      pathsOfFlow(policy, flow).some((path) => path.from.network === from.network && path.to.host === to.host),
  );
  if (disabled !== undefined) return `The flow ${disabled.id} is not enabled.`;
  const others = policy.flows.filter(
    (flow) =>
      flow.enabled &&
      protocolHas(policy, flow.protocol, transport, port) &&
      pathsOfFlow(policy, flow).some((path) => path.to.host === to.host && path.to.network === to.network),
  );
  if (others.length === 0) return 'No flow leads there on this port.';
  return `Only ${others.map((flow) => `${flow.from.join(', ')} may (${flow.id})`).join('; ')}.`;
}
