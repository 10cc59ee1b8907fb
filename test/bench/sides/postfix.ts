import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../infra/demo/free-port.ts';
import { startPrivatePostfix } from '../../support/private-postfix.ts';
import type { Slapd } from '../../support/slapd.ts';
import type { ForegroundServer } from './foreground-server.ts';
import { BENCH_DOMAIN } from './side.ts';

export interface Postfix extends ForegroundServer {
  readonly smtpPort: number;
}

/**
 * Debian's Postfix as a receiving server: each recipient looked up in the directory (StartTLS, certificate verified) by way of
 * proxymap, as its documentation advises; mail goes on by LMTP.
 */
export async function startPostfix(slapd: Slapd, lmtpPort: number): Promise<Postfix> {
  const smtpPort = await freePort();
  // proxymap runs as the mail system's owner: it must reach the CA of the directory.
  if (existsSync(slapd.ca)) for (const path of [join(slapd.ca, '..'), slapd.ca]) await chmod(path, 0o755);
  const server = await startPrivatePostfix({
    address: '127.0.0.1',
    port: smtpPort,
    hostname: 'mx.peer.example',
    settings: [
      'mynetworks = 127.0.0.0/8',
      `virtual_mailbox_domains = ${BENCH_DOMAIN}`,
      'virtual_mailbox_maps = proxy:ldap:FOLDER/recipients.cf',
      `virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}`,
      'smtpd_relay_restrictions = reject_unauth_destination',
      'smtpd_client_connection_count_limit = 0',
      'smtputf8_enable = no',
    ],
    files: {
      'recipients.cf': `server_host = ${slapd.url}
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
    },
  });
  return { ...server, smtpPort };
}
