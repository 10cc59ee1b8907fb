import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../infra/demo/free-port.ts';
import type { Slapd } from '../../support/slapd.ts';
import { type ForegroundServer, startForegroundServer } from './foreground-server.ts';
import { BENCH_DOMAIN } from './side.ts';

export interface Postfix extends ForegroundServer {
  readonly smtpPort: number;
}

/** The services of Debian's master.cf that a receiving server needs, none in a chroot. */
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

/**
 * Debian's Postfix as a private instance: each recipient looked up in the directory (StartTLS, certificate verified) by way of
 * proxymap, as its documentation advises; mail goes on by LMTP.
 */
export async function startPostfix(folder: string, slapd: Slapd, lmtpPort: number): Promise<Postfix> {
  if (process.getuid?.() !== 0) throw new Error('Postfix starts as root alone: run the benchmark as root');
  const etc = join(folder, 'etc');
  const queue = join(folder, 'queue');
  const data = join(folder, 'data');
  for (const path of [etc, queue, data]) await mkdir(path, { recursive: true });
  await chmod(etc, 0o755);
  spawnSync('chown', ['postfix', data]);
  const smtpPort = await freePort();
  await writeFile(
    join(etc, 'main.cf'),
    `compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${join(folder, 'postfix.log')}
maillog_file_prefixes = ${folder}
myhostname = mx.peer.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
virtual_mailbox_domains = ${BENCH_DOMAIN}
virtual_mailbox_maps = proxy:ldap:${join(etc, 'recipients.cf')}
virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtputf8_enable = no
biff = no
`,
  );
  await writeFile(join(etc, 'master.cf'), `127.0.0.1:${smtpPort} inet n - n - - smtpd\n${SERVICES}`);
  await writeFile(
    join(etc, 'recipients.cf'),
    `server_host = ${slapd.url}
version = 3
start_tls = yes
tls_ca_cert_file = ${slapd.ca}
tls_require_cert = yes
bind = yes
bind_dn = cn=relay,${slapd.suffix}
bind_pw = relay
search_base = ${slapd.baseDn}
query_filter = (&(objectClass=JammMailAccount)(mail=%s)(accountActive=TRUE))
result_attribute = mail
`,
  );
  // proxymap runs as the mail system's owner: it must reach the CA of the directory.
  if (existsSync(slapd.ca)) for (const path of [join(slapd.ca, '..'), slapd.ca]) await chmod(path, 0o755);
  const server = await startForegroundServer(['/usr/sbin/postfix', '-c', etc, 'start-fg'], smtpPort);
  return {
    ...server,
    smtpPort,
    async stop() {
      spawnSync('/usr/sbin/postfix', ['-c', etc, 'stop'], { stdio: 'ignore' });
      await server.stop();
    },
  };
}
