import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../infra/demo/free-port.ts';
import { type ForegroundServer, startForegroundServer } from './foreground-server.ts';

export interface Dovecot extends ForegroundServer {
  readonly lmtpPort: number;
  readonly imapPort: number;
  /** Password of every account. */
  readonly password: string;
  /** Messages in the INBOX folders of all accounts (maildir alone). */
  countMessages(): Promise<number>;
  /** Removes all mail. */
  clear(): Promise<void>;
}

export const DOVECOT_PASSWORD = 'bench';

/**
 * Debian's Dovecot as a private process: LMTP and IMAP without TLS, every file and folder synced, any user exists.
 *
 * @param sieve the script (Pigeonhole) of every account, which need not be there; no Sieve when undefined
 */
export async function startDovecot(folder: string, format: 'maildir' | 'sdbox', sieve?: string): Promise<Dovecot> {
  const mail = join(folder, 'mail');
  await mkdir(mail, { recursive: true });
  await chmod(mail, 0o777);
  const [lmtpPort, imapPort] = [await freePort(), await freePort()];
  const config = join(folder, 'dovecot.conf');
  await writeFile(
    config,
    `protocols = imap lmtp
base_dir = ${join(folder, 'run')}
state_dir = ${join(folder, 'state')}
log_path = ${join(folder, 'dovecot.log')}
instance_name = postern-bench
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_fsync = always
mail_location = ${format}:~/mail
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login
mail_max_userip_connections = 100
passdb {
  driver = static
  args = password=${DOVECOT_PASSWORD}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${mail}/%n allow_all_users=yes
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
${
  sieve === undefined
    ? ''
    : `protocol lmtp {
  mail_plugins = sieve
}
plugin {
  sieve = file:${sieve}
}
`
}service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
`,
  );
  const server = await startForegroundServer(['/usr/sbin/dovecot', '-F', '-c', config], lmtpPort, imapPort);
  return {
    ...server,
    lmtpPort,
    imapPort,
    password: DOVECOT_PASSWORD,
    async countMessages() {
      const homes = await readdir(mail);
      const counts = homes.map(async (home) => {
        const inbox = join(mail, home, 'mail', 'new');
        return existsSync(inbox) ? (await readdir(inbox)).length : 0;
      });
      return (await Promise.all(counts)).reduce((a, b) => a + b, 0);
    },
    async clear() {
      for (const home of await readdir(mail)) await rm(join(mail, home), { recursive: true, force: true });
    },
  };
}
