import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '@postern/infra/demo/free-port.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { noPamHost, type PamHost, startPamHost } from '../support/pam-host.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

/** Other services on the same entries, by the examples of schema/ldap/other-services: FreeRADIUS, nslcd, PAM and sshd as they are. */
const SCHEMA = resolve(import.meta.dirname, '../../schema/ldap');
const PEOPLE = 'ou=people,dc=myhosting,dc=example';
const RELAY = 'cn=relay,dc=myhosting,dc=example';
const DEADLINE_MS = 60_000;

let slapd: Slapd;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-services-'));
  slapd = await startSlapd({ moreEntries: join(SCHEMA, 'sample-people.ldif') });
});
afterAll(async () => {
  await slapd?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** An example with its words in braces replaced. */
function example(name: string, ca = slapd.ca): string {
  const values: Record<string, string> = {
    HOST: '127.0.0.1',
    PORT: String(slapd.port),
    BINDDN: RELAY,
    BINDPW: 'relay',
    CA: ca,
  };
  return readFileSync(join(SCHEMA, 'other-services', name), 'utf8').replace(
    /\{\{([A-Z]+)\}\}/g,
    (_, word: string) => values[word] ?? '',
  );
}

function ldap(program: string, args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, ['-x', '-ZZ', '-H', slapd.url, ...args], {
    input,
    encoding: 'utf8',
    env: { ...process.env, LDAPTLS_CACERT: slapd.ca },
  });
  return { status, output: stdout + stderr };
}

describe('FreeRADIUS', () => {
  let daemon: ChildProcess;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    writeFileSync(join(folder, 'dictionary'), '$INCLUDE /usr/share/freeradius/dictionary\n');
    writeFileSync(
      join(folder, 'radiusd.conf'),
      [
        `prefix = /usr\nlibdir = /usr/lib/freeradius\nlogdir = ${folder}\nrun_dir = ${folder}\nname = radiusd`,
        'log { destination = stdout }\nsecurity { allow_vulnerable_openssl = yes }',
        'client here { ipaddr = 127.0.0.1\n secret = testing123 }',
        `listen { type = auth\n virtual_server = default\n ipaddr = 127.0.0.1\n port = ${port} }`,
        // `reject` is one of Debian's mods-enabled/always.
        `modules {\nalways reject {\n rcode = reject\n }\n${example('freeradius-ldap')}\n}`,
        `server default {\n${example('freeradius-site')}\n}`,
      ].join('\n'),
    );
    // To a file: a full pipe would hold it up.
    const said = join(folder, 'radius.log');
    const log = openSync(said, 'w');
    daemon = spawn('/usr/sbin/freeradius', ['-X', '-d', folder], { stdio: ['ignore', log, log] });
    closeSync(log);
    await vi.waitFor(() => expect(readFileSync(said, 'utf8').slice(-2_000)).toContain('Ready to process requests'), {
      timeout: DEADLINE_MS,
      interval: 50,
    });
  }, 2 * DEADLINE_MS);
  afterAll(() => {
    daemon?.kill('SIGKILL');
  });

  /** What a client of RADIUS hears; radtest would look its own host up, whose name not every machine knows. */
  function ask(user: string, password: string): string {
    const { stdout, stderr } = spawnSync('radclient', [`127.0.0.1:${port}`, 'auth', 'testing123'], {
      input: `User-Name = "${user}"\nUser-Password = "${password}"\nMessage-Authenticator = 0x00\n`,
      encoding: 'utf8',
    });
    return /Received (Access-\w+)/.exec(stdout)?.[1] ?? stdout + stderr;
  }

  test('an account that lists the service gets in by its password; suspended or without the service it does not', async () => {
    const dn = 'mail=user2@domain1.example,jvd=domain1.example,o=hosting,dc=myhosting,dc=example';
    const change = (lines: string) => slapd.modify(`dn: ${dn}\nchangetype: modify\n${lines}\n`);
    expect(ask('user2@domain1.example', 'user2')).toBe('Access-Reject');
    await change('add: authorizedService\nauthorizedService: radius');
    expect(ask('user2@domain1.example', 'user2')).toBe('Access-Accept');
    expect(ask('user2@domain1.example', 'wrong')).toBe('Access-Reject');
    expect(ask('*', 'user2')).toBe('Access-Reject');
    expect(ask('user1@domain1.example', 'user1')).toBe('Access-Reject');
    await change('replace: accountActive\naccountActive: FALSE');
    expect(ask('user2@domain1.example', 'user2')).toBe('Access-Reject');
    await change('replace: accountActive\naccountActive: TRUE');
    expect(ask('user2@domain1.example', 'user2')).toBe('Access-Accept');
  });

  test('a domain that is suspended or marked for deletion lets nobody in', async () => {
    const domain = 'dn: jvd=domain1.example,o=hosting,dc=myhosting,dc=example\nchangetype: modify\n';
    for (const [mark, unmark] of [
      ['replace: accountActive\naccountActive: FALSE\n', 'replace: accountActive\naccountActive: TRUE\n'],
      ['replace: delete\ndelete: TRUE\n', 'delete: delete\n'],
    ]) {
      expect(ask('User2@Domain1.example', 'user2')).toBe('Access-Accept');
      await slapd.modify(`${domain}${mark}`);
      expect(ask('user2@domain1.example', 'user2')).toBe('Access-Reject');
      await slapd.modify(`${domain}${unmark}`);
    }
  });

  test('an entry below another domain is not the account of the address', async () => {
    const address = 'ceo@domain1.example';
    await slapd.modify(
      [
        `dn: mail=${address},jvd=domain2.example,o=hosting,dc=myhosting,dc=example\nchangetype: add`,
        `objectClass: JammMailAccount\nobjectClass: authorizedServiceObject\nmail: ${address}\naccountActive: TRUE`,
        'authorizedService: radius\nuserPassword: chosen by another\n',
      ].join('\n'),
    );
    expect(ask(address, 'chosen by another')).toBe('Access-Reject');
    expect(ask('ceo@domain1.example,jvd=domain2.example', 'chosen by another')).toBe('Access-Reject');
  });
});

describe('nslcd’s questions for sshd', () => {
  const setting = (name: string): string =>
    new RegExp(`^${name} (.*)$`, 'm').exec(example('nslcd.conf'))?.[1]?.trim() ?? '';
  const found = (filter: string): string[] => {
    const { output } = ldap('ldapsearch', ['-LLL', '-D', RELAY, '-w', 'relay', '-b', setting('base'), filter, 'uid']);
    return [...output.matchAll(/^uid: (.*)$/gm)].map((match) => match[1] ?? '');
  };

  test('who is there, and who may use the service', () => {
    expect(found(setting('filter passwd')).sort()).toEqual(['mailonly', 'shelly']);
    const may = (user: string, service: string): string[] =>
      found(setting('pam_authz_search').replace('$username', user).replace('$service', service));
    expect(may('shelly', 'sshd')).toEqual(['shelly']);
    expect(may('mailonly', 'sshd')).toEqual([]);
    expect(may('shelly', 'sudo')).toEqual([]);
  });

  test('the password is that of a bind', () => {
    const as = (password: string) => ['-D', `uid=shelly,${PEOPLE}`, '-w', password];
    expect(ldap('ldapwhoami', as('shelly')).status).toBe(0);
    expect(ldap('ldapwhoami', as('wrong')).status).toBe(49);
    expect(ldap('ldappasswd', [...as('shelly'), '-s', 'another one'], '').status).toBe(0);
    expect(ldap('ldapwhoami', as('another one')).status).toBe(0);
  });
});

const noHost = noPamHost();
if (noHost !== undefined) console.log(`other-services: no sign-in by PAM and sshd here: ${noHost}`);

describe.runIf(noHost === undefined)(
  'a host whose people stand in the directory: nslcd, PAM and sshd as they are',
  () => {
    const shelly = `dn: uid=shelly,${PEOPLE}\nchangetype: modify\n`;
    let host: PamHost;
    beforeAll(async () => {
      await slapd.modify(`${shelly}replace: userPassword\nuserPassword: shelly\n`);
      const pam = example('pam-sshd');
      host = await startPamHost({
        folder,
        nslcd: example('nslcd.conf', '/etc/directory-ca.pem'),
        services: { sshd: pam, login: pam },
        ca: readFileSync(slapd.ca, 'utf8'),
      });
    }, 2 * DEADLINE_MS);
    afterAll(() => host?.stop());

    test('PAM lets in who lists the service, by the right password', async () => {
      const right = await host.pam('sshd', 'shelly', 'shelly');
      expect(right.status, right.output).toBe(0);
      expect(right.output).toContain('successfully authenticated');
      expect((await host.pam('sshd', 'shelly', 'wrong')).output).toContain('Authentication failure');
      expect((await host.pam('sshd', 'nobody-here', 'shelly')).status).not.toBe(0);
      const mailOnly = await host.pam('sshd', 'mailonly', 'mailonly');
      expect(mailOnly.output).toContain('successfully authenticated');
      expect(mailOnly.output).toContain('Permission denied');
      expect((await host.pam('login', 'shelly', 'shelly')).output).toContain('Permission denied');
    });

    test('ssh signs somebody in as who they are in the directory, until the service is taken away', async () => {
      const inside = await host.ssh('shelly', 'shelly', 'id -u; echo $HOME $SHELL');
      expect(inside.output).toContain('20001\n/home/shelly /bin/bash');
      expect(inside.status).toBe(0);
      expect((await host.ssh('shelly', 'wrong', 'id -u')).status).toBe(255);
      expect((await host.ssh('mailonly', 'mailonly', 'id -u')).status).toBe(255);
      await slapd.modify(`${shelly}delete: authorizedService\nauthorizedService: sshd\n`);
      expect((await host.ssh('shelly', 'shelly', 'id -u')).status).toBe(255);
      // The machine below knows nobody of them.
      expect(spawnSync('getent', ['passwd', 'shelly']).status).not.toBe(0);
    });
  },
);
