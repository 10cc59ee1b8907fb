import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ForegroundServer, startForegroundServer } from '../bench/sides/foreground-server.ts';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

/** Debian's Postfix as the server outside: what it says comes back, and its own reports find their way in. */
const HOST = '127.0.1.50';
let around: Surroundings;
let relay: OutboundRelay;
let folder: string;
let postfix: ForegroundServer;

beforeAll(async () => {
  around = await startSurroundings();
  around.dns.zone.set('MX pf.example', ['mx.pf.example']);
  around.dns.zone.set('A mx.pf.example', [HOST]);
  relay = await startOutboundRelay(around);
  folder = mkdtempSync(join(tmpdir(), 'postern-pf-'));
  chmodSync(folder, 0o755);
  const etc = join(folder, 'etc');
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name));
  spawnSync('chown', ['postfix', join(folder, 'data')]);
  for (const kind of ['cert', 'key'] as const) writeFileSync(join(etc, kind), readFileSync(around.pki.public[kind]));
  writeFileSync(
    join(etc, 'main.cf'),
    `compatibility_level = 3.6
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
myhostname = mx.pf.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
mydestination =
alias_maps =
virtual_mailbox_domains = pf.example
virtual_mailbox_maps = inline:{ { someone@pf.example = someone }, { other@pf.example = other } }
virtual_transport = discard
relayhost = [127.0.0.1]:${relay.relay.ports[0]}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${etc}/cert
smtpd_tls_key_file = ${etc}/key
disable_dns_lookups = yes
biff = no
`,
  );
  const { port } = around.remote;
  const services = `pickup unix n - n 60 1 pickup
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
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
  writeFileSync(join(etc, 'master.cf'), `${HOST}:${port} inet n - n - - smtpd\n${services}`);
  // Its port is on an address of its own; the start is waited for there.
  postfix = await startForegroundServer(['/usr/sbin/postfix', '-c', etc, 'start-fg'], relay.relay.ports[0] ?? 0);
  await vi.waitFor(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, HOST, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      }),
    PATIENCE,
  );
}, 90_000);

afterAll(async () => {
  spawnSync('/usr/sbin/postfix', ['-c', join(folder, 'etc'), 'stop'], { stdio: 'ignore' });
  await postfix?.stop();
  await relay?.stop();
  await around?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const reportAbout = (mark: string, action: string) =>
  vi.waitFor(() => {
    const found = around.inward.find(({ content }) => content.includes(mark) && content.includes(`Action: ${action}`));
    if (found === undefined) throw new Error(`no report (${action}) about ${mark}`);
    return found;
  }, PATIENCE);

describe('Postfix as the server outside', () => {
  it('gets the mail by TLS; SUCCESS is its own report, which comes back to the sender by LMTP', async () => {
    await relay.handOver(letter('pf-good'), {
      to: [{ address: 'someone@pf.example', notify: ['SUCCESS'] }],
      envid: 'pf-1',
    });
    const report = await reportAbout('pf-good', 'delivered');
    expect(report).toMatchObject({ from: '', to: [USER1] });
    expect(report.content).toContain('Reporting-MTA: dns; mx.pf.example');
    expect(report.content).toContain('Original-Envelope-Id: pf-1');
    expect(relay.log().find((l) => l.event === 'delivered' && l.to === 'someone@pf.example')?.tls).toMatch(
      /^TLSv1\.[23] opportunistic$/,
    );
  });

  it('refuses one of two recipients: its own words come back', async () => {
    await relay.handOver(letter('pf-half'), { to: ['other@pf.example', 'nobody@pf.example'] });
    const report = await reportAbout('pf-half', 'failed');
    expect(report.content).toContain('Final-Recipient: rfc822; nobody@pf.example');
    expect(report.content).toContain('Remote-MTA: dns; mx.pf.example');
    expect(report.content).toContain('User unknown in virtual mailbox table');
    expect(report.content).not.toContain('Final-Recipient: rfc822; other@pf.example');
    await relay.drained();
  });
});
