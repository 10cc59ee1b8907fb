import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../infra/demo/free-port.ts';
import { type ForegroundServer, startForegroundServer } from '../bench/sides/foreground-server.ts';

/** Debian lets no two IMAP servers be installed: bootstrap.mjs unpacks this one into a folder of its own. */
const TREE = process.env.POSTERN_TEST_CYRUS ?? '/var/cache/postern/cyrus';
const PROGRAMS = join(TREE, 'usr/lib/cyrus/bin');
export const CYRUS_PASSWORD = 'cyrus-secret';

export interface Cyrus extends ForegroundServer {
  readonly imapPort: number;
  readonly sievePort: number;
}

/** Debian's Cyrus as a private process, its mailboxes below `INBOX.`; the user `ann` exists. */
export async function startCyrus(folder: string): Promise<Cyrus> {
  if (!existsSync(join(PROGRAMS, 'master')))
    throw new Error(`no Cyrus below ${TREE}: node infra/bootstrap.mjs test unpacks it`);
  const [imapPort, sievePort] = [await freePort(), await freePort()];
  const at = (name: string): string => join(folder, name);
  for (const name of ['conf', 'conf/db', 'conf/proc', 'conf/lock', 'spool', 'sieve', 'sockets'])
    mkdirSync(at(name), { recursive: true });
  const imapd = at('imapd.conf');
  writeFileSync(
    imapd,
    `configdirectory: ${at('conf')}
partition-default: ${at('spool')}
defaultpartition: default
sievedir: ${at('sieve')}
cyrus_user: nobody
servername: old.example
allowplaintext: yes
altnamespace: no
unixhierarchysep: no
virtdomains: off
autocreate_quota: 0
autocreate_users: ann
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${at('sasldb2')}
sasl_mech_list: PLAIN LOGIN
idlesocket: ${at('sockets/idle')}
notifysocket: ${at('sockets/notify')}
lmtpsocket: ${at('sockets/lmtp')}
`,
  );
  const program = (name: string): string => `${join(PROGRAMS, name)} -C ${imapd}`;
  writeFileSync(
    at('cyrus.conf'),
    `START {
}
SERVICES {
  imap cmd="${program('imapd')}" listen="127.0.0.1:${imapPort}" prefork=0
  sieve cmd="${program('timsieved')}" listen="127.0.0.1:${sievePort}" prefork=0
}
EVENTS {
}
`,
  );
  const made = spawnSync('/usr/sbin/saslpasswd2', ['-p', '-f', at('sasldb2'), '-u', 'old.example', 'ann'], {
    input: `${CYRUS_PASSWORD}\n`,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`saslpasswd2: ${made.stderr}`);
  spawnSync('chown', ['-R', 'nobody', folder]);
  // Its libraries lie beside it.
  const libraries = `LD_LIBRARY_PATH=${join(TREE, 'usr/lib/x86_64-linux-gnu')}`;
  const files = ['-C', imapd, '-M', at('cyrus.conf'), '-p', at('master.pid')];
  const command = ['/usr/bin/env', libraries, join(PROGRAMS, 'master'), '-D', ...files];
  const server = await startForegroundServer(command, imapPort, sievePort);
  return { ...server, imapPort, sievePort };
}
