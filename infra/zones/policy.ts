import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigResult, parseConfig } from '@postern/shared/runtime/config.ts';
import { z } from 'zod';
import { contains, parsePrefix } from './address.ts';

/** Names stand in rule comments, set names and file names of the renderers. */
const name = () => z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower-case letters, digits and hyphens');
const prefix = () => z.string().superRefine(isPrefix);
const address = () => z.union([z.ipv4(), z.ipv6()]);
const portNumber = () => z.int().min(1).max(65535);
const interfaceName = () => z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, 'must be the name of an interface');
const ports = () => z.array(z.union([portNumber(), z.string().regex(/^\d{1,5}-\d{1,5}$/)])).default([]);

const zone = z.strictObject({
  trust: z.int().min(0).max(100).describe('How far hosts of this zone are trusted; flows go one step at a time.'),
  external: z.boolean().default(false).describe('The Internet: all that belongs to no network of the policy.'),
  networks: z
    .record(
      name(),
      z.strictObject({
        prefixes: z.array(prefix()).min(1).describe('IPv4 and IPv6 networks.'),
        compose: z.string().optional().describe('Name of the network in docker-compose.yml.'),
      }),
    )
    .default({}),
});

const firewall = z.strictObject({
  interfaces: z.record(
    interfaceName(),
    z.strictObject({
      network: name().describe('The network behind the interface, or the external zone.'),
      addresses: z.array(address()).default([]),
    }),
  ),
});

const host = z.strictObject({
  runs: z
    .enum(['gateway', 'webmail', 'store', 'directory', 'database'])
    .optional()
    .describe('The part of Postern on this host: ties settings and docker-compose.yml to it.'),
  names: z.array(z.string()).default([]).describe('Names under which settings may speak of it.'),
  legs: z.record(
    name(),
    z.strictObject({
      network: name(),
      addresses: z.array(address()).min(1),
      public: z.ipv4().optional().describe('Address that the outer firewall translates to and from this leg.'),
    }),
  ),
});

const protocol = z.strictObject({
  family: name().describe('Protocols of one family are the same protocol to the protocol break.'),
  tcp: ports(),
  udp: ports(),
});

const endpoints = () => z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]);

const flow = z.strictObject({
  id: name(),
  from: endpoints().describe('Zone, network, host or host.leg, or a list of them.'),
  to: endpoints(),
  protocol: z.string(),
  reason: z.string().default(''),
  perSource: z
    .strictObject({ perSecond: z.int().min(1), burst: z.int().min(1) })
    .optional()
    .describe('New connections that one address may open.'),
  enabled: z.boolean().default(true),
});

const policyShape = z.strictObject({
  zones: z.record(name(), zone),
  firewalls: z.record(name(), firewall),
  hosts: z.record(name(), host),
  protocols: z.record(name(), protocol),
  flows: z.array(flow),
});

export type Policy = z.infer<typeof policyShape>;

/** policy.yaml: zones, hosts, protocols and every flow. Names lead somewhere; `checkPolicy` judges the meaning. */
export const policySchema = policyShape.superRefine(referencesHold);

export type Flow = Policy['flows'][number];
export type Host = Policy['hosts'][string];
export type Protocol = Policy['protocols'][string];

/** The sample policy of this folder. */
export const SAMPLE_POLICY = join(import.meta.dirname, 'policy.yaml');

/** Reads a policy; every error at once, one a line. */
export function loadPolicy(path: string): ConfigResult<Policy> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { ok: false, errors: [`cannot read ${path}: ${(error as Error).message}`] };
  }
  return parseConfig(policySchema, text, path);
}

function isPrefix(text: string, context: z.RefinementCtx): void {
  try {
    parsePrefix(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}

/** Names must lead somewhere before anything can be said about the flows: networks of legs and interfaces, addresses in them. */
function referencesHold(policy: Policy, context: z.RefinementCtx): void {
  const fault = (path: (string | number)[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const networks = new Map<string, readonly string[]>();
  for (const [zoneName, { external, networks: own }] of Object.entries(policy.zones)) {
    if (external) networks.set(zoneName, []);
    if (external && Object.keys(own).length > 0) fault(['zones', zoneName], 'an external zone has no networks');
    for (const [networkName, { prefixes }] of Object.entries(own)) {
      if (networks.has(networkName) || networkName in policy.zones) {
        fault(['zones', zoneName, 'networks', networkName], 'this name is taken');
      }
      networks.set(networkName, prefixes);
    }
  }
  const inside = (network: string, addresses: readonly string[], path: string[]): void => {
    const prefixes = networks.get(network);
    if (prefixes === undefined) fault([...path, 'network'], `no such network: ${network}`);
    for (const one of (prefixes ?? []).length === 0 ? [] : addresses) {
      if (!prefixes?.some((text) => contains(parsePrefix(text), parsePrefix(one)))) {
        fault([...path, 'addresses'], `${one} is not in ${network} (${prefixes?.join(', ')})`);
      }
    }
  };
  for (const [fw, { interfaces }] of Object.entries(policy.firewalls)) {
    for (const [nic, { network, addresses }] of Object.entries(interfaces)) {
      inside(network, addresses, ['firewalls', fw, 'interfaces', nic]);
    }
  }
  for (const [hostName, { legs }] of Object.entries(policy.hosts)) {
    if (networks.has(hostName) || hostName in policy.zones) fault(['hosts', hostName], 'this name is taken');
    for (const [leg, { network, addresses }] of Object.entries(legs)) {
      inside(network, addresses, ['hosts', hostName, 'legs', leg]);
    }
  }
  const seen = new Set<string>();
  for (const [n, { id, from, to }] of policy.flows.entries()) {
    if (seen.has(id)) fault(['flows', n, 'id'], `${id} stands twice`);
    seen.add(id);
    for (const [side, names] of [
      ['from', from],
      ['to', to],
    ] as const) {
      for (const one of names) {
        const [hostName = '', leg] = one.split('.');
        const known =
          leg === undefined
            ? one in policy.zones || networks.has(one) || one in policy.hosts
            : policy.hosts[hostName]?.legs[leg] !== undefined;
        if (!known) fault(['flows', n, side], `no such zone, network, host or leg: ${one}`);
      }
    }
  }
}
