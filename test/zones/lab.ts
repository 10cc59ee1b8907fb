import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { allRuleSets } from '@postern/infra/zones/build-rules.ts';
import { renderIptablesSave } from '@postern/infra/zones/iptables.ts';
import { renderNftables } from '@postern/infra/zones/nftables.ts';
import type { Policy } from '@postern/infra/zones/policy.ts';
import type { Probe, ProbeResult } from '@postern/infra/zones/probe.ts';
import type { RuleSet } from '@postern/infra/zones/rules.ts';

/** Addresses of the machines that the policy does not name: somebody on the Internet, a staff PC, an administrator's. */
export const STRANGERS: Readonly<Record<string, readonly string[]>> = {
  internet: ['198.51.100.7', '2001:db8:aaaa::7'],
  offices: ['10.20.2.100', 'fd10:20:2::100'],
  administrators: ['10.20.3.100', 'fd10:20:3::100'],
};

/** The upstream router's side of the outer firewall's network. */
const UPSTREAM = { network: 'internet', addresses: ['203.0.113.254', '2001:db8:ffff::fe'] };

/** Networks, hosts and firewalls of a policy as network namespaces; they vanish with the process that holds them. */
export interface Lab {
  /** The command that runs `command` in the namespace of a host, firewall or stranger's network. */
  within(place: string, command: readonly string[]): [string, string[]];
  /** Runs a command there and returns what it printed; throws when it fails. */
  run(place: string, command: readonly string[], input?: string): string;
  /** Applies the rendered rules to the places whose rules differ from what was applied before; in one notation for the life of a lab. */
  apply(policy: Policy, notation?: 'nftables' | 'iptables'): void;
  /** Tries connections, each from where it belongs. */
  probe(probes: readonly Probe[], timeoutMs: number): Promise<ProbeResult[]>;
  stop(): void;
}

/**
 * Builds the namespaces: as root with the root's own rights, else (or when asked) in a user namespace.
 *
 * @throws with the output of ip(8) when the kernel refuses
 */
export async function buildLab(policy: Policy, unprivileged = process.getuid?.() !== 0): Promise<Lab> {
  const holder = spawn(
    'unshare',
    [
      unprivileged ? '-Urnm' : '-nm',
      'sh',
      '-c',
      'mount -t tmpfs none /run && mkdir /run/netns && echo ready && exec cat',
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  await new Promise<void>((done, fail) => {
    holder.stdout.once('data', () => done());
    holder.once('exit', (code) => fail(new Error(`unshare ended with ${code}: ${holder.stderr.read()}`)));
  });
  const pid = holder.pid ?? 0;
  const user = unprivileged ? ['--target', String(pid), '--user', '--preserve-credentials'] : [];
  const agents = new Map<string, Agent>();
  const applied = new Map<string, string>();

  const run = (command: [string, string[]], input = ''): string => {
    const { status, stdout, stderr } = spawnSync(command[0], command[1], { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command[1].join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  const within = (place: string, command: readonly string[]): [string, string[]] => [
    'nsenter',
    [...user, `--net=/proc/${pid}/root/run/netns/${place}`, '--', 'setpriv', '--pdeathsig', 'KILL', ...command],
  ];
  const places = placesOf(policy);
  const script = [
    ...['switch', ...places.keys()].map((place) => `ip netns add ${place}`),
    `ip -n switch -batch - <<'END'\n${wiring(policy, places)}END`,
    ...[...places].map(([place, { lines }]) => `ip -n ${place} -batch - <<'END'\n${lines.join('\n')}\nEND`),
  ].join('\n');
  run(['nsenter', ['--target', String(pid), ...user.slice(2), '--mount', '--net', '--', 'sh', '-e']], `${script}\n`);
  for (const place of places.keys()) {
    const forwards = place in policy.firewalls ? 1 : 0;
    const settings = [`ip_forward=${forwards}`, 'ip_unprivileged_port_start=0'].map((s) => `net.ipv4.${s}`);
    run(within(place, ['sysctl', '-qw', ...settings, `net.ipv6.conf.all.forwarding=${forwards}`]));
  }

  return {
    within,
    run: (place, command, input) => run(within(place, command), input),
    apply(changed, notation = 'nftables') {
      for (const { set, text } of renderedSets(changed)) {
        if (applied.get(set.owner) === text) continue;
        if (notation === 'nftables') run(within(set.owner, ['nft', '-f', '-']), text);
        else {
          run(within(set.owner, ['iptables-restore']), renderIptablesSave(set, 4));
          run(within(set.owner, ['ip6tables-restore']), renderIptablesSave(set, 6));
        }
        // What an earlier rule set let in must not pass as an answer under this one.
        applied.set(set.owner, text);
      }
    },
    async probe(probes, timeoutMs) {
      const byPlace = Map.groupBy(probes, ({ from }) => from.split('.')[0] ?? '');
      const results = [...byPlace].map(([place, own]) => {
        const agent = agents.get(place) ?? startAgent(within(place, agentCommand()));
        agents.set(place, agent);
        return agent.probe(own, timeoutMs);
      });
      return (await Promise.all(results)).flat();
    },
    stop() {
      for (const agent of agents.values()) agent.child.kill('SIGKILL');
      holder.kill('SIGKILL');
    },
  };
}

const renderedByPolicy = new WeakMap<Policy, { readonly set: RuleSet; readonly text: string }[]>();

function renderedSets(policy: Policy): { readonly set: RuleSet; readonly text: string }[] {
  const known = renderedByPolicy.get(policy) ?? allRuleSets(policy).map((set) => ({ set, text: renderNftables(set) }));
  renderedByPolicy.set(policy, known);
  return known;
}

interface Agent {
  readonly child: ChildProcess;
  probe(probes: readonly Probe[], timeoutMs: number): Promise<ProbeResult[]>;
}

function agentCommand(): string[] {
  return [process.execPath, join(import.meta.dirname, 'probe-agent.ts')];
}

/** A process in a namespace that tries what it is told: one line in, one line out. */
function startAgent([program, args]: [string, string[]]): Agent {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((results: ProbeResult[]) => void)[] = [];
  child.setMaxListeners(0);
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
  return {
    child,
    probe: (probes, timeoutMs) =>
      new Promise((done, fail) => {
        waiting.push(done);
        child.once('exit', (code) => fail(new Error(`the prober ended with ${code}`)));
        child.stdin.write(`${JSON.stringify({ probes, timeoutMs })}\n`);
      }),
  };
}

interface Place {
  /** Interfaces by name, with the network each is plugged into. */
  readonly plugs: ReadonlyMap<string, string>;
  /** Lines for `ip -batch`: addresses and routes. */
  readonly lines: readonly string[];
}

function placesOf(policy: Policy): Map<string, Place> {
  const places = new Map<string, Place>();
  const bits = (address: string): string => `${address}/${isIPv6(address) ? 64 : 24}${isIPv6(address) ? ' nodad' : ''}`;
  const plug = (nic: string, addresses: readonly string[]): string[] => [
    ...addresses.map((address) => `addr add ${bits(address)} dev ${nic}`),
    `link set ${nic} up`,
  ];
  const gateway = (network: string): readonly string[] =>
    Object.values(policy.firewalls)
      .flatMap(({ interfaces }) => Object.values(interfaces))
      .find((one) => one.network === network)?.addresses ?? [];
  const route = (to: string, via: readonly string[]): string[] =>
    via.map((address) => `route add ${to === 'default' && isIPv6(address) ? '::/0' : to} via ${address}`);
  const prefixesBehind = (firewall: string): string[] =>
    Object.values(policy.firewalls[firewall]?.interfaces ?? {}).flatMap(
      ({ network }) =>
        Object.values(policy.zones).find((z) => network in z.networks)?.networks[network]?.prefixes ?? [],
    );

  for (const [name, { interfaces }] of Object.entries(policy.firewalls)) {
    const lines = ['link set lo up', ...Object.entries(interfaces).flatMap(([nic, i]) => plug(nic, i.addresses))];
    const outside = Object.values(interfaces).some(({ network }) => network === 'internet');
    if (outside) lines.push(...route('default', UPSTREAM.addresses));
    places.set(name, { plugs: new Map(Object.entries(interfaces).map(([nic, i]) => [nic, i.network])), lines });
  }
  for (const [name, { legs }] of Object.entries(policy.hosts)) {
    const all = Object.entries(legs);
    const lines = ['link set lo up', ...all.flatMap(([leg, { addresses }]) => plug(leg, addresses))];
    const [first] = all;
    if (first !== undefined) lines.push(...route('default', gateway(first[1].network)));
    if (all.length > 1) {
      const own = all.map(([, { network }]) => network);
      const direct = Object.values(policy.zones).flatMap((z) =>
        Object.entries(z.networks).flatMap(([network, { prefixes }]) => (own.includes(network) ? prefixes : [])),
      );
      const [, second] = all;
      const via = gateway(second?.[1].network ?? '');
      for (const prefix of prefixesBehind('inner').filter((p) => !direct.includes(p))) {
        lines.push(
          ...route(
            prefix,
            via.filter((a) => isIPv6(a) === prefix.includes(':')),
          ),
        );
      }
    }
    places.set(name, { plugs: new Map(all.map(([leg, { network }]) => [leg, network])), lines });
  }
  for (const [network, addresses] of Object.entries(STRANGERS)) {
    const lines = ['link set lo up'];
    if (network === 'internet') {
      lines.push(...plug('net0', UPSTREAM.addresses), ...addresses.map((a) => `addr add ${a} dev lo`));
      const outer = gateway('internet');
      const publicAddresses = Object.values(policy.hosts).flatMap(({ legs }) =>
        Object.values(legs).flatMap((leg) => leg.public ?? []),
      );
      for (const address of publicAddresses)
        lines.push(
          ...route(
            address,
            outer.filter((a) => !isIPv6(a)),
          ),
        );
      // A neighbour who knows the private networks may aim at them.
      const all = Object.values(policy.zones).flatMap((z) => Object.values(z.networks).flatMap((n) => n.prefixes));
      for (const prefix of all) {
        lines.push(
          ...route(
            prefix,
            outer.filter((a) => isIPv6(a) === prefix.includes(':')),
          ),
        );
      }
    } else lines.push(...plug('net0', addresses), ...route('default', gateway(network)));
    places.set(network, { plugs: new Map([['net0', network]]), lines });
  }
  return places;
}

/** One bridge a network, one cable an interface. */
function wiring(policy: Policy, places: ReadonlyMap<string, Place>): string {
  const networks = Object.entries(policy.zones).flatMap(([zone, z]) => (z.external ? [zone] : Object.keys(z.networks)));
  const bridge = (network: string): string => `br${networks.indexOf(network)}`;
  const lines = networks.map((network) => `link add ${bridge(network)} type bridge mcast_snooping 0`);
  let cable = 0;
  for (const [place, { plugs }] of places) {
    for (const [nic, network] of plugs) {
      cable += 1;
      lines.push(
        `link add c${cable} type veth peer name ${nic} netns ${place}`,
        `link set c${cable} master ${bridge(network)} up`,
      );
    }
  }
  lines.push(...networks.map((network) => `link set ${bridge(network)} up`));
  return `${lines.join('\n')}\n`;
}
