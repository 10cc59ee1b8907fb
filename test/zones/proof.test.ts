import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serviceDn } from '@postern/infra/demo/sample-tree.ts';
import { endsOf } from '@postern/infra/zones/paths.ts';
import type { Policy } from '@postern/infra/zones/policy.ts';
import { describeResult, differences, type Probe } from '@postern/infra/zones/probe.ts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { run } from '../smtp/support.ts';
import { buildLab, type Lab, STRANGERS } from './lab.ts';
import { filesAtHand, textsInMemory } from './relay-owner.ts';
import { allProbes, enabledFlows, meetNeighbours, policy, probeAll, SILENCE_MS } from './sample-probes.ts';
import { PASSWORD2, type Servers, startServers } from './servers.ts';

const CLI = resolve(import.meta.dirname, '../../infra/zones/cli.ts');
let lab: Lab;
let servers: Servers;
let outside: ChildProcess;
let packetsOutside = '';

beforeAll(async () => {
  lab = await buildLab(policy);
  lab.apply(policy);
  // Every packet that reaches the Internet from the organisation, from the first to the last test.
  const [program, args] = lab.within('internet', ['tcpdump', '-i', 'net0', '-n', '-l', '-U', '-Q', 'in', 'ip or ip6']);
  outside = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  outside.stdout?.on('data', (chunk: Buffer) => {
    packetsOutside += chunk.toString();
  });
  let said = '';
  await new Promise<void>((done, fail) => {
    outside.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on')) done();
    });
    outside.once('exit', () => fail(new Error(`tcpdump ended: ${said}`)));
  });
  servers = await startServers(lab, policy);
});

afterAll(async () => {
  await servers?.stop();
  outside?.kill('SIGKILL');
  lab?.stop();
});

test('a message from the Internet is read by IMAP on a staff PC, through both firewalls', async () => {
  const text =
    'From: somebody@elsewhere.example\r\nTo: user1@domain1.example\r\nSubject: through two firewalls\r\n\r\nHello.\r\n';
  lab.run(
    'internet',
    [
      ...['curl', '-sS', '--max-time', '30', 'smtp://203.0.113.25:25', '--interface', '198.51.100.7'],
      ...['--mail-from', 'somebody@elsewhere.example', '--mail-rcpt', 'user1@domain1.example', '--upload-file', '-'],
    ],
    text,
  );
  const read = lab.run('offices', [
    ...['curl', '-sS', '--max-time', '30', '--cacert', servers.ca, '--user', 'user1@domain1.example:user1'],
    ...['--resolve', 'store.corp.postern.example:993:10.20.1.24'],
    'imaps://store.corp.postern.example/INBOX;MAILINDEX=1',
  ]);
  expect(read).toContain('Subject: through two firewalls');
  expect(read).toContain('Hello.');
});

test('a message from a staff PC goes through the hub and the relay to a mail server outside, which sees the public address', async () => {
  const text =
    'From: user2@domain1.example\r\nTo: someone@elsewhere.example\r\nSubject: on its way out\r\n\r\nGoodbye.\r\n';
  lab.run(
    'offices',
    [
      ...['curl', '-sS', '--max-time', '30', '--ssl-reqd', '--cacert', servers.ca],
      ...['--resolve', 'store.corp.postern.example:587:10.20.1.24', 'smtp://store.corp.postern.example:587'],
      ...['--user', `user2@domain1.example:${PASSWORD2}`, '--upload-file', '-'],
      ...['--mail-from', 'user2@domain1.example', '--mail-rcpt', 'someone@elsewhere.example'],
    ],
    text,
  );
  const gone = await vi.waitFor(() => {
    const [message] = servers.mailOutside;
    if (message === undefined) throw new Error('nothing came out');
    return message;
  }, 30_000);
  expect(gone).toMatchObject({
    client: '203.0.113.25',
    from: 'user2@domain1.example',
    to: ['someone@elsewhere.example'],
  });
  expect(gone.content).toContain('Subject: on its way out');
  // Nor do the trace fields tell what the house looks like inside.
  const trace = gone.content.match(/^Received:.*(?:\r\n[ \t].*)*/gm) ?? [];
  expect(trace.length).toBeGreaterThan(1);
  expect(trace.join('\n')).not.toMatch(/10\.(?:10|20)\.|fd10:|corp\.postern/);
});

test('a browser on the Internet reads it all by webmail, which asks the store by IMAP alone', () => {
  const text = 'From: a@elsewhere.example\r\nSubject: for the browser\r\n\r\nHello.\r\n';
  const mail = ['--mail-from', 'a@elsewhere.example', '--mail-rcpt', 'user2@domain1.example', '--upload-file', '-'];
  lab.run(
    'internet',
    ['curl', '-sS', '--max-time', '30', 'smtp://203.0.113.25:25', '--interface', '198.51.100.7', ...mail],
    text,
  );
  const site = 'https://mx.postern.example';
  const browser = (path: string, body?: object): { cookies: string[]; json: Record<string, unknown> } => {
    const printed = lab.run('internet', [
      ...[
        'curl',
        '-sS',
        '--max-time',
        '30',
        '--cacert',
        servers.ca,
        '--resolve',
        'mx.postern.example:443:203.0.113.44',
      ],
      ...[
        '-i',
        '--http1.1',
        '-H',
        `Origin: ${site}`,
        '-H',
        `Cookie: ${cookie}`,
        '-H',
        'Content-Type: application/json',
      ],
      ...(body === undefined ? [] : ['--data', JSON.stringify(body)]),
      `${site}${path}`,
    ]);
    const [head = '', content = ''] = printed.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 200/);
    const cookies = [...head.matchAll(/^set-cookie: ([^;]+)/gim)].map(([, one]) => one ?? '');
    return { cookies, json: JSON.parse(content) };
  };
  let cookie = '';
  cookie = browser('/session', { user: 'user2@domain1.example', password: PASSWORD2 }).cookies.join('; ');
  const { primaryAccounts } = browser('/jmap/session').json as { primaryAccounts: Record<string, string> };
  const accountId = primaryAccounts['urn:ietf:params:jmap:mail'];
  const { methodResponses } = browser('/jmap/api', {
    using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
    methodCalls: [
      ['Email/query', { accountId }, '0'],
      [
        'Email/get',
        { accountId, '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['subject', 'preview'] },
        '1',
      ],
    ],
  }).json as { methodResponses: [string, { list?: { subject: string; preview: string }[] }, string][] };
  expect(methodResponses[1]?.[1].list).toMatchObject([{ subject: 'for the browser', preview: 'Hello.' }]);
});

test('the console answers a staff PC, and shows there what the relay holds; from the Internet and the DMZ nothing answers', () => {
  const consoleFrom = (from: string, path: string, ...options: string[]) =>
    lab.run(from, [
      ...[
        'curl',
        '-sS',
        '-i',
        '--http1.1',
        '--max-time',
        '30',
        '--cacert',
        servers.ca,
        '-H',
        'X-Requested-With: postern',
      ],
      ...['--resolve', 'store.corp.postern.example:443:10.20.1.24', ...options],
      `https://store.corp.postern.example${path}`,
    ]);
  const person = JSON.stringify({ address: 'siteadmin@domain2.example', password: 'siteadmin' });
  const opened = consoleFrom('offices', '/api/session', '--json', person);
  expect(opened).toMatch(/^HTTP\/1\.1 20\d/);
  const [, cookie = ''] = /^set-cookie: ([^;]+)/im.exec(opened) ?? [];
  const queues = consoleFrom('offices', '/api/operation/queues', '-H', `Cookie: ${cookie}`);
  expect(queues).toMatch(/^HTTP\/1\.1 200/);
  expect(JSON.parse(queues.split('\r\n\r\n')[1] ?? '')).toMatchObject({ relay: {} });
  for (const from of ['internet', 'relay', 'webmail']) {
    expect(() => consoleFrom(from, '/', '--connect-timeout', '2'), from).toThrow(
      /curl: \((?:7|28)\) Failed to connect/,
    );
  }
});

test('the settings with which relay, store and webmail run follow the policy', () => {
  const { relay, store, webmail } = servers.settings;
  const args = [CLI, 'check', '--gateway', relay, '--store', store, '--webmail', webmail];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect([status, stderr, stdout]).toEqual([0, '', expect.stringContaining('no break')]);
});

test('whoever owns the relay host finds two sockets inwards: LDAP and LMTP', () => {
  // All sockets of the host's namespace, whichever process holds them, in every state.
  const sockets = lab
    .run('relay', ['ss', '-Htuna'])
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/))
    .map(([transport, state, , , local = '', peer = '']) => ({ transport, state, local, peer }));
  expect(sockets.length).toBeGreaterThan(2);
  const listening = sockets.filter(({ state }) => state === 'LISTEN').map(({ local }) => local);
  expect(listening.sort()).toEqual(['10.10.1.25:25', '10.10.2.25:25', '10.10.2.25:9126']);
  // What others opened towards the listening ports is not opened from here.
  const opened = sockets.filter(({ local }) => !listening.includes(local));
  const inwards = opened.filter(({ peer }) => /^\[?(?:10\.20\.|10\.10\.2\.|fd10:)/.test(peer));
  expect(new Set(inwards.map(({ transport, peer }) => `${transport} ${peer}`))).toEqual(
    new Set(['tcp 10.20.1.24:24', 'tcp 10.20.1.39:389']),
  );
  expect(new Set(inwards.map(({ local }) => local.replace(/:\d+$/, '')))).toEqual(new Set(['10.10.2.25']));
});

test('whoever owns the relay host finds no key and no password of others there, in memory, environment or files, and no mail', () => {
  const { relayPid, relayFolder, secretsOfOthers } = servers;
  const own = keyLine(join(relayFolder, 'pki/relay.key'));
  const texts = Object.values(secretsOfOthers);
  expect(texts.filter((text) => text.length < 16)).toEqual([]);
  // The name with which it binds at the directory shows that the search finds what is there.
  const [bindDn = '', ...others] = [serviceDn('relay'), ...texts];
  expect(textsInMemory(relayPid, [bindDn, ...others])).toEqual([bindDn]);
  const environment = readFileSync(`/proc/${relayPid}/environ`, 'utf8');
  const files = filesAtHand(relayPid, [relayFolder]);
  const contents = files.map((path) => readFileSync(path, 'latin1'));
  expect(contents.some((text) => text.includes(own))).toBe(true);
  for (const [whose, text] of Object.entries(secretsOfOthers)) {
    expect(environment.includes(text), whose).toBe(false);
    const where = files.filter((_, n) => contents[n]?.includes(text));
    expect([whose, where]).toEqual([whose, []]);
  }
  // The message of the first test went through here: no file has it.
  expect(files.filter((path, n) => !/\.log$/.test(path) && contents[n]?.includes('through two firewalls'))).toEqual([]);
  expect(files.filter((path) => /\.message$/.test(path))).toEqual([]);
});

test('… and with its certificate and its account gets no further than LMTP and look-ups', () => {
  const { relayFolder, ca } = servers;
  const pki = (name: string): string => join(relayFolder, 'pki', name);
  const { ca: signs, keyUsage } = new X509Certificate(readFileSync(pki('relay.pem')));
  expect([signs, keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.2']]);
  const identity = ['-CAfile', ca, '-cert', pki('relay.pem'), '-key', pki('relay.key')];
  const spoken = lab.run(
    'relay',
    ['openssl', 's_client', '-quiet', '-connect', '10.20.1.24:24', ...identity],
    'EHLO relay\r\nHELO relay\r\nAUTH PLAIN AGEAYg==\r\nVRFY user1@domain1.example\r\nQUIT\r\n',
  );
  expect(spoken.replace(/^220 .*\r?\n/, '').match(/^\d{3}/gm)).toEqual(['500', '500', '502', '252', '221']);
  const search = [
    'ldapsearch',
    '-LLL',
    '-x',
    '-ZZ',
    '-H',
    'ldap://10.20.1.39:389',
    '-D',
    serviceDn('relay'),
    '-w',
    'relay',
  ];
  const anyServer = ['env', 'LDAPTLS_REQCERT=never'];
  const entries = lab.run('relay', [
    ...[...anyServer, ...search, '-b', 'dc=myhosting,dc=example'],
    ...['(objectClass=*)', 'mail', 'userPassword', 'clearPassword'],
  ]);
  expect(entries).toContain('mail: user1@domain1.example');
  expect(entries).not.toMatch(/^(?:userPassword|clearPassword):/m);
  expect(() =>
    lab.run(
      'relay',
      [...anyServer, 'ldapmodify', ...search.slice(2)],
      'dn: mail=user1@domain1.example,jvd=domain1.example,o=hosting,dc=myhosting,dc=example\nchangetype: modify\nreplace: cn\ncn: taken\n',
    ),
  ).toThrow('Insufficient access');
});

test('whoever owns the webmail host finds one socket inwards, IMAP, and none of the passwords with which people signed in', async () => {
  const sockets = lab
    .run('webmail', ['ss', '-Htuna'])
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  const listening = sockets.filter(([, state]) => state === 'LISTEN').map(([, , , , local]) => local ?? '');
  expect(listening).toEqual(['10.10.1.44:443']);
  const opened = sockets.filter(([, , , , local = '']) => !listening.includes(local));
  const inwards = opened.filter(([, , , , , peer = '']) => /^\[?(?:10\.20\.|10\.10\.2\.|fd10:)/.test(peer));
  expect(new Set(inwards.map(([transport, , , , , peer]) => `${transport} ${peer}`))).toEqual(
    new Set(['tcp 10.20.1.24:993']),
  );
  const { webmailPid, webmailFolder, secretsOfOthers } = servers;
  const known = 'store.corp.postern.example';
  const site = ['--resolve', 'mx.postern.example:443:203.0.113.44', 'https://mx.postern.example/session?[1-1000]'];
  // A password that was checked a moment ago is rubbish in memory until other work overwrites it: some hundred requests.
  await vi.waitFor(() => {
    lab.run('internet', ['curl', '-sS', '-o', '/dev/null', '--max-time', '60', '--cacert', servers.ca, ...site]);
    const searched = [known, ...Object.values(secretsOfOthers), PASSWORD2];
    expect(textsInMemory(webmailPid, searched)).toEqual([known]);
  }, 60_000);
  const files = filesAtHand(webmailPid, [webmailFolder]);
  const forbidden = [...Object.values(secretsOfOthers), PASSWORD2, 'for the browser'];
  const where = files.filter((path) => {
    const content = readFileSync(path, 'latin1');
    return !path.endsWith('.log') && forbidden.some((text) => content.includes(text));
  });
  expect(where).toEqual([]);
});

test('postern-zones probe, run on a host as an administrator does, finds all well; and a flow that a rule set lost', async () => {
  const probe = async (host: string): Promise<string[]> => {
    const outside = STRANGERS.internet?.flatMap((address) => ['--outside', address]) ?? [];
    const command = [process.execPath, CLI, 'probe', '--as', host, ...outside, '--timeout', `${SILENCE_MS}`];
    const [program, args] = lab.within(host, command);
    const { code, output } = await run(program, args);
    return [...output.trim().split('\n'), `exit code ${code}`];
  };
  const allWell = [expect.stringMatching(/^\d{3,} connections tried, 0 not as the policy says$/), 'exit code 0'];
  const runs = await Promise.all(['relay', 'store'].map(probe));
  expect(runs.map((lines) => lines.slice(-2))).toEqual([allWell, allWell]);
  lab.apply({ ...policy, flows: policy.flows.filter(({ id }) => id !== 'relay-store') });
  const lines = await probe('relay');
  lab.apply(policy);
  expect(lines).toContain('relay.private → store.lan tcp 24 (10.20.1.24) is closed, but relay-store opens it');
  expect(lines.at(-2)).toMatch(/ 2 not as the policy says$/);
  expect(lines.at(-1)).toBe('exit code 1');
});

test('every host reaches every other on each port exactly where a flow says so', async () => {
  await meetNeighbours(lab);
  const results = await probeAll(lab, allProbes);
  expect(differences(results).map(describeResult)).toEqual([]);
  const open = results.filter(({ outcome }) => outcome === 'open');
  const met = new Set(open.map(({ flow }) => flow));
  expect([...met].sort()).toEqual(
    enabledFlows()
      .map(({ id }) => id)
      .sort(),
  );
  // Both families, and far more that is closed than open.
  expect(open.some(({ attempt }) => attempt.address.includes(':'))).toBe(true);
  expect(results.length - open.length).toBeGreaterThan(2_000);
});

test('each rule that let something through has counted it under its flow id', () => {
  const counted = ['outer', 'inner', ...Object.keys(policy.hosts)].flatMap((place) =>
    [
      ...lab
        .run(place, ['nft', 'list', 'table', 'inet', 'postern'])
        .matchAll(/counter packets (\d+) .*comment "([^"]*)"/g),
    ]
      .filter(([, packets]) => packets !== '0')
      .map(([, , comment]) => comment),
  );
  for (const { id } of enabledFlows()) expect(counted).toContain(id);
  expect(counted).toContain('dropped');
});

test('a reload is atomic: connections across it are neither let through nor cut', async () => {
  const permitted = allProbes.filter(({ flow, from }) => flow !== undefined && from !== 'internet');
  const forbidden = allProbes.filter(({ flow, from }) => flow === undefined && from === 'offices').slice(0, 200);
  const probing = Promise.all([lab.probe(permitted, 2_000), lab.probe(forbidden, SILENCE_MS)]);
  const less: Policy = { ...policy, flows: policy.flows.filter(({ id }) => id !== 'staff-pop3') };
  const kept = (results: Awaited<ReturnType<Lab['probe']>>) => results.filter(({ flow }) => flow !== 'staff-pop3');
  for (let n = 0; n < 5; n += 1) lab.apply(n % 2 === 0 ? less : policy);
  lab.apply(policy);
  const [open, closed] = await probing;
  expect(differences(kept(open)).map(describeResult)).toEqual([]);
  expect(differences(closed).map(describeResult)).toEqual([]);
});

test('no private address was seen outside, and none from outside was believed', async () => {
  const lines = packetsOutside.trim().split('\n');
  expect(lines.some((line) => line.includes('IP 203.0.113.25.'))).toBe(true);
  const inside =
    /(?:^|[ >])(?:10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|f[cd][0-9a-f]{2}:)/;
  expect(lines.filter((line) => inside.test(line.replace(/^\S+ /, '')))).toEqual([]);
  const aimed = Object.keys(policy.hosts).flatMap((host) =>
    endsOf(policy, host).flatMap(({ prefixes }) =>
      prefixes
        .filter(({ text }) => /^(?:10\.|fd)/.test(text))
        .map(({ text }): Probe => {
          const attempt = { address: text, port: 25, transport: 'tcp' } as const;
          return { from: 'internet', to: host, attempt, flow: undefined };
        }),
    ),
  );
  expect(differences(await lab.probe(aimed, SILENCE_MS)).map(describeResult)).toEqual([]);
  const drops = lab.run('outer', ['nft', 'list', 'chain', 'inet', 'postern', 'guard']);
  expect(drops).toMatch(/counter packets [1-9]\d* .*"private destination"/);
});

test.each(['nftables', 'iptables'] as const)(
  'the same rules as %s load and hold in a user namespace, without the rights of root',
  async (notation) => {
    const other = await buildLab(policy, true);
    try {
      other.apply(policy, notation);
      const sample = allProbes.filter(
        ({ flow, from }) => flow !== undefined || /^(?:relay\.|webmail\.private|internet)/.test(from),
      );
      await meetNeighbours(other);
      const results = await probeAll(other, sample);
      expect(differences(results).map(describeResult)).toEqual([]);
    } finally {
      other.stop();
    }
  },
);

/** One line of a key that no other file has. */
function keyLine(path: string): string {
  return readFileSync(path, 'utf8').split('\n')[1] ?? '';
}
