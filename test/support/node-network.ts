import { spawn, spawnSync } from 'node:child_process';

/** Machines on one network, each a network namespace; they vanish with the process that holds them. */
export interface NodeNetwork {
  /** Address of the nth machine. */
  address(n: number): string;
  /** The command that runs `command` on the nth machine; it ends with this process. */
  within(n: number, command: readonly string[]): [string, string[]];
  /** Pulls the cable of a machine, or plugs it in again. */
  plug(n: number, plugged: boolean): void;
  stop(): void;
}

/** Why no such network can be built here; undefined when one can. */
export function nodeNetworkMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'the nodes of a network change their user, which only root can';
  const { status, stderr, error } = spawnSync('unshare', ['-nm', 'ip', 'netns', 'list'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no network namespaces: ${error?.message ?? stderr.trim()}`;
}

/** Builds a switch and the machines; rejects with the output of ip(8) when the kernel refuses. */
export async function buildNodeNetwork(size: number): Promise<NodeNetwork> {
  const script = 'mount -t tmpfs none /run && mkdir /run/netns && echo ready && exec cat';
  const holder = spawn('unshare', ['-nm', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'pipe'] });
  await new Promise<void>((done, fail) => {
    holder.stdout.once('data', () => done());
    holder.once('exit', (code) => fail(new Error(`unshare ended with ${code}: ${holder.stderr.read()}`)));
  });
  const pid = String(holder.pid);
  const run = (lines: readonly string[]): void => {
    const command = ['--target', pid, '--mount', '--net', '--', 'sh', '-e'];
    const { status, stdout, stderr } = spawnSync('nsenter', command, { input: lines.join('\n'), encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ended with ${status}: ${stdout}${stderr}`);
  };
  const address = (n: number): string => `10.99.0.${n + 1}`;
  const machines = Array.from({ length: size }, (_, n) => n);
  run([
    'ip link add switch type bridge mcast_snooping 0',
    'ip link set switch up',
    ...machines.flatMap((n) => [
      `ip netns add node${n}`,
      `ip link add cable${n} type veth peer name eth0 netns node${n}`,
      `ip link set cable${n} master switch up`,
      `ip -n node${n} link set lo up`,
      `ip -n node${n} addr add ${address(n)}/24 dev eth0`,
      `ip -n node${n} link set eth0 up`,
    ]),
  ]);
  return {
    address,
    within: (n, command) => ['nsenter', [`--net=/proc/${pid}/root/run/netns/node${n}`, '--', ...command]],
    plug: (n, plugged) => run([`ip link set cable${n} ${plugged ? 'up' : 'down'}`]),
    stop: () => void holder.kill('SIGKILL'),
  };
}
