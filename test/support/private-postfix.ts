import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ForegroundServer, startForegroundServer } from '../bench/sides/foreground-server.ts';

export interface PostfixOptions {
  /** Where its smtpd listens. */
  readonly address: string;
  readonly port: number;
  readonly hostname: string;
  /** Lines of main.cf beyond those of every private instance; `FOLDER` stands for its folder. */
  readonly settings: readonly string[];
  /** Files to put into the folder before it starts. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
}

/** The services of Debian's master.cf that a server needs which takes mail in or sends it on, none in a chroot. */
const SERVICES = `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;

/** Debian's Postfix as a private instance in a folder of its own; wants root. */
export async function startPrivatePostfix(options: PostfixOptions): Promise<ForegroundServer> {
  if (process.getuid?.() !== 0) throw new Error('Postfix starts as root alone');
  const folder = mkdtempSync(join(tmpdir(), 'postern-postfix-'));
  chmodSync(folder, 0o755);
  const etc = join(folder, 'etc');
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name));
  spawnSync('chown', ['postfix', join(folder, 'data')]);
  for (const [name, content] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), content);
  const main = `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = ${folder}
myhostname = ${options.hostname}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
disable_dns_lookups = yes
biff = no
${options.settings.join('\n').replaceAll('FOLDER', folder)}
`;
  writeFileSync(join(etc, 'main.cf'), main);
  writeFileSync(join(etc, 'master.cf'), `${options.address}:${options.port} inet n - n - - smtpd\n${SERVICES}`);
  const command = ['/usr/sbin/postfix', '-c', etc, 'start-fg'];
  const server = await startForegroundServer(command, options.port, options.port, options.address);
  return {
    ...server,
    async stop() {
      spawnSync('/usr/sbin/postfix', ['-c', etc, 'stop'], { stdio: 'ignore' });
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
