import { z } from 'zod';
import { sameAddress } from './address.ts';
import type { Finding } from './check.ts';
import { endsOf, permittingPath } from './paths.ts';
import type { Policy } from './policy.ts';

const attachment = z
  .looseObject({ ipv4_address: z.string().optional(), ipv6_address: z.string().optional() })
  .nullable();
const publishedPort = z.union([
  z.string(),
  z.number(),
  z.looseObject({ target: z.coerce.number(), published: z.coerce.string().optional() }),
]);

/** What of a Compose file concerns zones. */
export const composeSchema = z.looseObject({
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() }).nullable()).default({}),
  services: z
    .record(
      z.string(),
      z.looseObject({
        networks: z.union([z.array(z.string()), z.record(z.string(), attachment)]).default([]),
        ports: z.array(publishedPort).default([]),
        network_mode: z.string().optional(),
      }),
    )
    .default({}),
});

export type ComposeFile = z.infer<typeof composeSchema>;

/**
 * A Compose file against the policy. A service that has the name of a host, or runs its part (`mysql`, `openldap`), stands on the networks of its
 * legs alone, and publishes only ports that a flow from the Internet opens; nothing else stands on two networks.
 */
export function checkCompose(policy: Policy, file: ComposeFile): Finding[] {
  const findings: Finding[] = [];
  const report = (where: string, text: string): void => {
    findings.push({ kind: 'COMPOSE', where: `docker-compose.yml: ${where}`, text });
  };
  for (const zone of Object.values(policy.zones)) {
    for (const { compose } of Object.values(zone.networks)) {
      const inner = zone.trust === Math.max(...Object.values(policy.zones).map(({ trust }) => trust));
      if (compose !== undefined && inner && compose in file.networks && file.networks[compose]?.internal !== true) {
        report(`networks.${compose}`, 'the corporate network must be internal');
      }
    }
  }
  for (const [service, { networks, ports, network_mode: mode }] of Object.entries(file.services)) {
    const where = `services.${service}`;
    const attached = Array.isArray(networks) ? Object.fromEntries(networks.map((name) => [name, null])) : networks;
    const host = hostOf(policy, service);
    if (mode === 'host') report(where, 'stands on every network of the machine (network_mode: host)');
    if (host === undefined) {
      if (Object.keys(attached).length > 1) report(where, 'joins two networks and is no host of the policy');
      if (ports.length > 0) report(where, 'publishes ports and is no host of the policy');
      continue;
    }
    const legs = Object.values(policy.hosts[host]?.legs ?? {});
    const composeName = (network: string): string | undefined =>
      Object.values(policy.zones).flatMap((zone) => zone.networks[network]?.compose ?? [])[0];
    for (const [network, settings] of Object.entries(attached)) {
      const leg = legs.find((one) => composeName(one.network) === network);
      if (leg === undefined) report(where, `stands on ${network}, where ${host} has no leg`);
      for (const address of [settings?.ipv4_address, settings?.ipv6_address]) {
        if (address !== undefined && leg !== undefined && !leg.addresses.some((own) => sameAddress(own, address))) {
          report(where, `has ${address} on ${network}; the policy says ${leg.addresses.join(', ')}`);
        }
      }
    }
    for (const port of ports) {
      const target = targetPort(port);
      const outside = Object.entries(policy.zones)
        .filter(([, zone]) => zone.external)
        .map(([name]) => name);
      const opened = outside
        .flatMap((name) => endsOf(policy, name))
        .some((from) =>
          endsOf(policy, host).some((to) => permittingPath(policy, from, to, 'tcp', target) !== undefined),
        );
      if (!opened && !onLoopback(port)) report(where, `publishes port ${target}, and no flow leads there from outside`);
    }
  }
  return findings;
}

/** Services are often named by their image. */
function hostOf(policy: Policy, service: string): string | undefined {
  if (service in policy.hosts) return service;
  const parts: Record<string, string> = {
    gateway: 'gateway',
    mysql: 'database',
    mariadb: 'database',
    openldap: 'directory',
    slapd: 'directory',
  };
  return Object.entries(policy.hosts).find(([, { runs }]) => runs !== undefined && runs === parts[service])?.[0];
}

function targetPort(port: z.infer<typeof publishedPort>): number {
  if (typeof port === 'object') return port.target;
  return Number.parseInt(String(port).split(':').at(-1) ?? '', 10);
}

function onLoopback(port: z.infer<typeof publishedPort>): boolean {
  if (typeof port === 'object') return String(port.host_ip ?? '').startsWith('127.');
  return String(port).startsWith('127.');
}
