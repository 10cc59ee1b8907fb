import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';

/** A real validating resolver (unbound) for a zone signed here, with its key as trust anchor; AD is set where it validates. */
export interface Unbound {
  /** `address:port`, as `dns.servers` wants it. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Signs a zone (ldns-signzone) and serves it: nsd answers with authority, unbound validates.
 *
 * @param records lines of the zone file below its apex
 * @param bogus names whose signatures are broken after signing
 */
export async function startUnbound(zone: string, records: readonly string[]): Promise<Unbound> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-unbound-'));
  chmodSync(folder, 0o755);
  const file = join(folder, 'zone');
  writeFileSync(
    file,
    [
      `$ORIGIN ${zone}.`,
      '$TTL 60',
      `@ SOA ns hostmaster 1 3600 600 86400 60`,
      '@ NS ns',
      'ns A 127.0.0.1',
      ...records,
      '',
    ].join('\n'),
  );
  const run = (program: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
    return stdout;
  };
  const key = run('/usr/bin/ldns-keygen', ['-k', '-a', 'ECDSAP256SHA256', zone]).trim();
  run('/usr/bin/ldns-signzone', ['-o', zone, file, key]);
  const anchor = readFileSync(join(folder, `${key}.key`), 'utf8').trim();
  const [nsdPort, port] = [await freePort(), await freePort()];
  writeFileSync(
    join(folder, 'nsd.conf'),
    `server:
  ip-address: 127.0.0.1
  port: ${nsdPort}
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
remote-control:
  control-enable: no
zone:
  name: ${zone}
  zonefile: "${file}.signed"
`,
  );
  writeFileSync(
    join(folder, 'unbound.conf'),
    `server:
  interface: 127.0.0.1@${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${folder}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  trust-anchor: "${anchor.replace(/\s*;.*$/, '').replaceAll('"', '')}"
  module-config: "validator iterator"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "${zone}"
  stub-addr: 127.0.0.1@${nsdPort}
`,
  );
  const children = [
    spawn('/usr/sbin/nsd', ['-d', '-c', join(folder, 'nsd.conf')], { stdio: 'ignore' }),
    spawn('/usr/sbin/unbound', ['-d', '-c', join(folder, 'unbound.conf')], { stdio: 'ignore' }),
  ];
  const stop = async (): Promise<void> => {
    for (const child of children) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await ended;
      }
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    if (await validates(port, `ns.${zone}`)) return { address: `127.0.0.1:${port}`, stop };
    if (tries > 300 || children.some((child) => child.exitCode !== null)) {
      const said = readdirSync(folder).join(' ');
      await stop();
      throw new Error(`unbound or nsd did not start (${said})`);
    }
    await pause(100);
  }
}

/** Whether the resolver answers, with the AD bit. */
function validates(port: number, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), 1_000);
    socket.on('error', () => end(false));
    socket.on('message', (message) => end(((decode(message).flags ?? 0) & 0x20) !== 0));
    const question = encode({
      type: 'query',
      id: 7,
      flags: RECURSION_DESIRED | 0x20,
      questions: [{ type: 'A', name }],
    });
    socket.connect(port, '127.0.0.1', () => socket.send(question));
  });
}
