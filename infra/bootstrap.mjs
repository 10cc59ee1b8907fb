// Runs before `npm start`, `npm test` and `npm run bench`, under whatever Node the machine has (20 or newer): makes sure
// that the packages of package-lock.json are installed (Node 24 among them), and the Debian packages that the purpose
// needs. Plain JavaScript, because nothing is installed when it begins. Does nothing, in a few milliseconds, when
// all is there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Debian packages by purpose: a program that shows the package is there, and the package's name. */
const DEBIAN = {
  run: [['/usr/sbin/mariadbd', 'mariadb-server-core']],
  test: [
    ['/usr/sbin/mariadbd', 'mariadb-server-core'],
    ['/usr/sbin/slapd', 'slapd'],
    ['/usr/bin/ldapsearch', 'ldap-utils'],
    // a real Active Directory
    ['/var/lib/dpkg/info/samba-ad-dc.list', 'samba-ad-dc'],
    ['/usr/share/samba/setup/ad-schema', 'samba-ad-provision'],
    ['/usr/lib/python3/dist-packages/samba', 'python3-samba'],
    ['/usr/bin/swaks', 'swaks'],
    ['/usr/bin/msmtp', 'msmtp'],
    // what swaks needs for STARTTLS
    ['/usr/share/perl5/IO/Socket/SSL.pm', 'libio-socket-ssl-perl'],
    ['/usr/bin/curl', 'curl'],
    ['/usr/bin/python3', 'python3'],
    ['/usr/bin/mbsync', 'isync'],
    ['/usr/bin/offlineimap', 'offlineimap3'],
    ['/usr/bin/neomutt', 'neomutt'],
    ['/usr/bin/getmail', 'getmail6'],
    ['/usr/bin/procmail', 'procmail'],
    ['/usr/bin/maildrop', 'maildrop'],
    ['/usr/bin/fetchmail', 'fetchmail'],
    ['/usr/bin/mpop', 'mpop'],
    ['/usr/bin/sieve-connect', 'sieve-connect'],
    ['/usr/lib/python3/dist-packages/sievelib/__init__.py', 'python3-sievelib'],
    ['/usr/sbin/smtp-source', 'postfix'],
    // the console and webmail in a real browser
    ['/usr/bin/chromium', 'chromium'],
    // other services on the same entries
    ['/usr/sbin/freeradius', 'freeradius'],
    ['/usr/lib/freeradius/rlm_ldap.so', 'freeradius-ldap'],
    ['/usr/bin/radtest', 'freeradius-utils'],
    // sshd (below) is linked with it, and somebody signs in there
    ['/usr/bin/ssh', 'openssh-client'],
    ['/var/lib/dpkg/info/libwrap0:amd64.list', 'libwrap0'],
    // passwords of people with a Unix account
    ['/usr/sbin/saslauthd', 'sasl2-bin'],
    // reads the QR code of the second factor from a picture of the page
    ['/usr/bin/zbarimg', 'zbar-tools'],
    ['/usr/bin/strace', 'strace'],
    // a clock that jumps
    ['/usr/bin/faketime', 'faketime'],
    ['/usr/bin/tcpdump', 'tcpdump'],
    ['/usr/bin/openssl', 'openssl'],
    // servers to move mail from: Dovecot, and what Cyrus (below) is linked with
    ['/usr/sbin/dovecot', 'dovecot-core'],
    ['/usr/lib/dovecot/imap', 'dovecot-imapd'],
    ['/usr/lib/dovecot/lmtp', 'dovecot-lmtpd'],
    ['/usr/sbin/saslpasswd2', 'sasl2-bin'],
    ['/var/lib/dpkg/info/libsasl2-modules:amd64.list', 'libsasl2-modules'],
    ['/usr/lib/x86_64-linux-gnu/libical.so.3', 'libical3'],
    ['/usr/lib/x86_64-linux-gnu/libxapian.so.30', 'libxapian30'],
    ['/usr/lib/x86_64-linux-gnu/libpq.so.5', 'libpq5'],
    ['/usr/lib/x86_64-linux-gnu/libzephyr.so.4', 'libzephyr4'],
    ['/usr/lib/x86_64-linux-gnu/libpcre.so.3', 'libpcre3'],
    // back to a point in time
    ['/usr/bin/mariadb-binlog', 'mariadb-client'],
    // a cluster of three nodes on loopback
    ['/usr/lib/galera/libgalera_smm.so', 'galera-4'],
    ['/usr/bin/wsrep_sst_rsync', 'mariadb-server'],
    // MySQL's own server comes from unstable, in a folder of its own (npm run test:full)
    ['/usr/sbin/debootstrap', 'debootstrap'],
    // a signed zone, and a resolver that validates it
    ['/usr/bin/ldns-signzone', 'ldnsutils'],
    ['/usr/sbin/nsd', 'nsd'],
    ['/usr/sbin/unbound', 'unbound'],
    ['/usr/sbin/nft', 'nftables'],
    ['/usr/sbin/iptables-restore', 'iptables'],
    ['/usr/sbin/ip', 'iproute2'],
    ['/usr/bin/promtool', 'prometheus'],
    ['/usr/bin/docker-compose', 'docker-compose'],
    ['/usr/bin/systemd-analyze', 'systemd'],
    ['/usr/sbin/clamd', 'clamav-daemon'],
    ['/usr/bin/rspamd', 'rspamd'],
    ['/usr/lib/python3/dist-packages/dkim/__init__.py', 'python3-dkim'],
    ['/usr/lib/python3/dist-packages/authres/__init__.py', 'python3-authres'],
  ],
  bench: [
    ['/usr/sbin/mariadbd', 'mariadb-server-core'],
    ['/usr/sbin/slapd', 'slapd'],
    ['/usr/bin/ldapmodify', 'ldap-utils'],
    ['/usr/sbin/smtp-source', 'postfix'],
    ['/usr/lib/postfix/postfix-ldap.so', 'postfix-ldap'],
    ['/usr/sbin/dovecot', 'dovecot-core'],
    ['/usr/lib/dovecot/imap', 'dovecot-imapd'],
    ['/usr/lib/dovecot/lmtp', 'dovecot-lmtpd'],
    ['/usr/bin/sievec', 'dovecot-sieve'],
    ['/usr/bin/chromium', 'chromium'],
    ['/usr/bin/php', 'php-cli'],
    ['/usr/share/roundcube/index.php', 'roundcube-core'],
    ['/usr/share/doc/roundcube-sqlite3', 'roundcube-sqlite3'],
  ],
};

/**
 * Debian packages that cannot be installed beside the others (one IMAP server a machine), or would change who signs in to it: unpacked into a folder of
 * their own.
 */
const UNPACKED = {
  test: [
    {
      folder: '/var/cache/postern/cyrus',
      program: 'usr/lib/cyrus/bin/imapd',
      packages: ['cyrus-common', 'cyrus-imapd'],
    },
    {
      folder: '/var/cache/postern/pam',
      program: 'usr/bin/pamtester',
      packages: ['nslcd', 'libpam-ldapd', 'libnss-ldapd', 'openssh-server', 'pamtester'],
    },
  ],
};

const purpose = process.argv[2] ?? 'run';

function fail(sentence) {
  process.stderr.write(`postern: ${sentence}\n`);
  process.exit(1);
}

function step(text, command, args, options = {}) {
  process.stdout.write(`• ${text}\n`);
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`);
    fail(`${text}: ${command} ended with ${result.status ?? result.signal}.`);
  }
}

// `npm ci` would refuse a lock file that lacks an optional binary of another platform; `--no-save` keeps the lock as it is.
const lockHash = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
const stamp = join(root, 'node_modules', '.postern-installed');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lockHash) {
  step('installing npm packages', 'npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lockHash);
}

let missing = (DEBIAN[purpose] ?? []).filter(([program]) => !existsSync(program)).map(([, name]) => name);
if (purpose === 'run' && (process.env.DATABASE_URL || anyDatabaseServer())) missing = [];
if (missing.length > 0) {
  if (!existsSync('/usr/bin/apt-get')) fail(`please install ${missing.join(', ')} with your system's package manager.`);
  if (process.getuid?.() !== 0) {
    const hint = purpose === 'run' ? ', or set DATABASE_URL to a MySQL or MariaDB database' : '';
    fail(
      `${missing.join(', ')} missing, and only root can install: run 'apt-get install ${missing.join(' ')}' as root${hint}.`,
    );
  }
  // policy-rc.d keeps Debian from starting system services: all parts run as private processes.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', LC_ALL: 'C' };
  const policy = '/usr/sbin/policy-rc.d';
  const placed = !existsSync(policy);
  if (placed) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    step('refreshing the list of Debian packages', 'apt-get', ['update', '-qq'], { env });
    step(
      `installing ${missing.join(', ')} (Debian)`,
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', ...missing],
      { env },
    );
  } finally {
    if (placed) spawnSync('rm', ['-f', policy]);
  }
}

for (const { folder, program, packages } of UNPACKED[purpose] ?? []) {
  if (existsSync(join(folder, program))) continue;
  if (process.getuid?.() !== 0)
    fail(`${packages.join(', ')} missing below ${folder}, and only root can put them there.`);
  mkdirSync(folder, { recursive: true });
  step(`unpacking ${packages.join(', ')} (Debian)`, 'apt-get', ['download', '-qq', ...packages], { cwd: folder });
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    step(`unpacking ${file}`, 'dpkg-deb', ['-x', file, folder], { cwd: folder });
    rmSync(join(folder, file));
  }
}

function anyDatabaseServer() {
  return ['/usr/sbin/mariadbd', '/usr/sbin/mysqld', '/usr/local/bin/mariadbd', '/usr/local/sbin/mysqld'].some(
    existsSync,
  );
}
