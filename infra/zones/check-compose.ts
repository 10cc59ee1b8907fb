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
const network = z.looseObject({
  internal: z.boolean().optional(),
  ipam: z.looseObject({ config: z.array(z.looseObject({ subnet: z.string().optional() })).default([]) }).optional(),
});
const dependencies = z.union([
  z.array(z.string()).transform((names) => Object.fromEntries(names.map((name) => [name, { condition: '' }]))),
  z.record(z.string(), z.looseObject({ condition: z.string().default('') })),
]);

/** What of a Compose file concerns zones. */
export const composeSchema = z.looseObject({
  networks: z.record(z.string(), network.nullable()).default({}),
  services: z
    .record(
      z.string(),
      z.looseObject({
        networks: z.union([z.array(z.string()), z.record(z.string(), attachment)]).default([]),
        ports: z.array(publishedPort).default([]),
        network_mode: z.string().optional(),
        depends_on: dependencies.default({}),
      }),
    )
    .default({}),
});

export type ComposeFile = z.infer<typeof composeSchema>;
type Service = ComposeFile['services'][string];

/** A host or firewall of the policy, as far as a container can stand for it. */
interface Place {
  readonly name: string;
  readonly legs: readonly { readonly network: string; readonly addresses: readonly string[] }[];
}

/**
 * A Compose file against the policy. A service that has the name of a host, or runs its part (`mysql`, `openldap`), stands on the networks of
 * its legs alone, and publishes only ports that a flow from the Internet opens; `X-net` is the network namespace of X, and
 * `X-firewall-net` that of the firewall X; nothing else stands on two networks. In such a namespace nothing starts before its rules
 * (`…-rules`) are loaded. Where services stand in the network of their machine, all of them are hosts of one zone.
 */
export function checkCompose(policy: Policy, file: ComposeFile, fileName = 'docker-compose.yml'): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (where, text) => {
    findings.push({ kind: 'COMPOSE', where: `${fileName}: ${where}`, text });
  };
  checkNetworks(policy, file, report);
  checkMachine(policy, file, report);
  for (const [name, service] of Object.entries(file.services)) {
    const where = `services.${name}`;
    const place = placeOf(policy, name);
    const shared = /^service:(.*)/.exec(service.network_mode ?? '')?.[1];
    if (shared !== undefined) {
      const owner = placeOf(policy, shared);
      if (place !== undefined && owner?.name !== place.name) report(where, `stands in the namespace of ${shared}`);
      if (owner !== undefined && !isRules(name) && !waitsForRules(service, file, service.network_mode)) {
        report(where, `starts in ${shared} before the rules of ${owner.name} are loaded there`);
      }
    }
    if (place === undefined) checkStranger(service, where, report);
    else checkPlace(policy, place, service, where, report);
  }
  return findings;
}

type Report = (where: string, text: string) => void;

function checkNetworks(policy: Policy, file: ComposeFile, report: Report): void {
  const mostTrusted = Math.max(...Object.values(policy.zones).map(({ trust }) => trust));
  for (const zone of Object.values(policy.zones)) {
    for (const { compose, prefixes } of Object.values(zone.networks)) {
      const own = compose === undefined ? undefined : file.networks[compose];
      if (own === undefined) continue;
      if (zone.trust === mostTrusted && own?.internal !== true) {
        report(`networks.${compose}`, 'the corporate network must be internal');
      }
      for (const { subnet } of own?.ipam?.config ?? []) {
        if (subnet !== undefined && !prefixes.includes(subnet)) {
          report(`networks.${compose}`, `has the subnet ${subnet}; the policy says ${prefixes.join(', ')}`);
        }
      }
    }
  }
}

/** `network_mode: host`: the machine itself is then the host of the policy, and it has one set of legs. */
function checkMachine(policy: Policy, file: ComposeFile, report: Report): void {
  const onMachine = Object.entries(file.services).filter(([, service]) => service.network_mode === 'host');
  if (onMachine.length === 0) return;
  const hosts = onMachine.filter(([name]) => hostOf(policy, name) !== undefined);
  const zones = new Set(hosts.flatMap(([name]) => endsOf(policy, hostOf(policy, name) ?? '').map(({ zone }) => zone)));
  for (const [name] of onMachine) {
    const where = `services.${name}`;
    if (hosts.length === 0) {
      report(where, 'stands on every network of a machine (network_mode: host) that is no host of the policy');
    } else if (zones.size > 1) {
      report(where, `shares a machine (network_mode: host) with hosts of several zones: ${[...zones].join(', ')}`);
    }
  }
  for (const [name, service] of hosts) {
    if (!waitsForRules(service, file, 'host')) {
      report(`services.${name}`, 'starts before the rules of its machine are loaded');
    }
  }
  for (const [name, { networks }] of Object.entries(file.services)) {
    if (attachmentsOf(networks).length > 0) {
      report(`services.${name}`, 'joins a network beside services that stand on the machine’s (network_mode: host)');
    }
  }
}

function checkStranger({ networks, ports }: Service, where: string, report: Report): void {
  if (attachmentsOf(networks).length > 1) report(where, 'joins two networks and is no host of the policy');
  if (ports.length > 0) report(where, 'publishes ports and is no host of the policy');
}

function checkPlace(policy: Policy, place: Place, { networks, ports }: Service, where: string, report: Report): void {
  const composeName = (name: string): string | undefined =>
    Object.values(policy.zones).flatMap((zone) => zone.networks[name]?.compose ?? [])[0];
  for (const [name, settings] of attachmentsOf(networks)) {
    const leg = place.legs.find((one) => composeName(one.network) === name);
    if (leg === undefined) report(where, `stands on ${name}, where ${place.name} has no leg`);
    for (const address of [settings?.ipv4_address, settings?.ipv6_address]) {
      if (address !== undefined && leg !== undefined && !leg.addresses.some((own) => sameAddress(own, address))) {
        report(where, `has ${address} on ${name}; the policy says ${leg.addresses.join(', ')}`);
      }
    }
  }
  for (const port of ports) {
    const target = targetPort(port);
    if (!openFromOutside(policy, place.name, target) && !onLoopback(port)) {
      report(where, `publishes port ${target}, and no flow leads there from outside`);
    }
  }
}

function openFromOutside(policy: Policy, host: string, port: number): boolean {
  const outside = Object.keys(policy.zones).filter((name) => policy.zones[name]?.external === true);
  return outside
    .flatMap((name) => endsOf(policy, name))
    .some((from) => endsOf(policy, host).some((to) => permittingPath(policy, from, to, 'tcp', port) !== undefined));
}

/** A job that loads rules into the same namespace has ended well before the service starts. */
function waitsForRules({ depends_on: before }: Service, file: ComposeFile, mode: string | undefined): boolean {
  return Object.entries(before).some(
    ([name, { condition }]) =>
      isRules(name) && file.services[name]?.network_mode === mode && condition === 'service_completed_successfully',
  );
}

function isRules(service: string): boolean {
  return /(?:^|-)(?:rules|firewall)$/.test(service);
}

function placeOf(policy: Policy, service: string): Place | undefined {
  const name = service.replace(/-net$/, '');
  const firewall = policy.firewalls[name.replace(/-firewall$/, '')];
  if (name.endsWith('-firewall') && firewall !== undefined) return { name, legs: Object.values(firewall.interfaces) };
  const host = hostOf(policy, name);
  return host === undefined ? undefined : { name: host, legs: Object.values(policy.hosts[host]?.legs ?? {}) };
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

function attachmentsOf(networks: Service['networks']): [string, z.infer<typeof attachment>][] {
  return Array.isArray(networks) ? networks.map((name) => [name, null]) : Object.entries(networks);
}

function targetPort(port: z.infer<typeof publishedPort>): number {
  if (typeof port === 'object') return port.target;
  return Number.parseInt(String(port).split(':').at(-1) ?? '', 10);
}

function onLoopback(port: z.infer<typeof publishedPort>): boolean {
  if (typeof port === 'object') return String(port.host_ip ?? '').startsWith('127.');
  return String(port).startsWith('127.');
}
