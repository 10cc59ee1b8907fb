import { join, resolve } from 'node:path';

/** The project's root folder. */
export const PROJECT = resolve(import.meta.dirname, '../..');

/** The three legs of the demo, all on loopback: the zones of a real installation, in small. */
export const LEGS = { internet: '127.0.0.1', dmz: '127.0.0.2', corporate: '127.0.0.3' } as const;

/** What listens, where, and on which port unless `--base-port` moves all of them. The order gives the port then. */
const SERVICES = [
  { name: 'smtp', address: LEGS.internet, port: 2525 },
  { name: 'lmtp', address: LEGS.corporate, port: 2424 },
  { name: 'imap', address: LEGS.corporate, port: 2143 },
  { name: 'imaps', address: LEGS.corporate, port: 2993 },
  { name: 'ldap', address: LEGS.corporate, port: 2389 },
  { name: 'database', address: '127.0.0.1', port: 2306 },
  { name: 'pop3', address: LEGS.corporate, port: 2110 },
  { name: 'pop3s', address: LEGS.corporate, port: 2995 },
  { name: 'managesieve', address: LEGS.corporate, port: 4190 },
  { name: 'webmail', address: LEGS.internet, port: 2443 },
  { name: 'hub', address: LEGS.corporate, port: 3025 },
  { name: 'hubSubmission', address: LEGS.corporate, port: 3587 },
  { name: 'hubSubmissions', address: LEGS.corporate, port: 3465 },
  { name: 'outbound', address: LEGS.dmz, port: 2526 },
  { name: 'console', address: LEGS.corporate, port: 2444 },
  { name: 'relayAdmin', address: LEGS.dmz, port: 2445 },
  // Nobody listens there until somebody starts a sink: the demo sends nothing to the Internet.
  { name: 'world', address: LEGS.internet, port: 2527 },
  { name: 'submission', address: LEGS.internet, port: 2587 },
  { name: 'submissions', address: LEGS.internet, port: 2465 },
] as const;

export type ServiceName = (typeof SERVICES)[number]['name'];

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Where everything of one stack lives and listens. Paths are absolute. */
export interface Layout {
  readonly state: string;
  readonly endpoints: Readonly<Record<ServiceName, Endpoint>>;
  /** A path below the state folder. */
  at(...names: string[]): string;
}

/**
 * The layout of a stack.
 *
 * @param state folder of its state, `var` in the project by default
 * @param basePort first of a run of ports, so that several stacks stand side by side
 */
export function layoutOf(state = join(PROJECT, 'var'), basePort?: number): Layout {
  const folder = resolve(state);
  const endpoints = Object.fromEntries(
    SERVICES.map(({ name, address, port }, index) => [
      name,
      { host: address, port: basePort === undefined ? port : basePort + index },
    ]),
  ) as Record<ServiceName, Endpoint>;
  return { state: folder, endpoints, at: (...names) => join(folder, ...names) };
}
