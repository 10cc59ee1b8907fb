import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { webmailConfigSchema } from '@postern/gateway/webmail/config.ts';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { allRuleSets, hostRules } from './build-rules.ts';
import { checkPolicy } from './check.ts';
import { checkCompose, composeSchema } from './check-compose.ts';
import { checkGatewaySettings, checkStoreSettings, checkWebmailSettings } from './check-settings.ts';
import { diffListings } from './diff.ts';
import { explain } from './explain.ts';
import { parseNftables, renderNftables } from './nftables.ts';
import { type Flow, loadPolicy, type Policy, policySchema, SAMPLE_POLICY } from './policy.ts';

const ROOT = join(import.meta.dirname, '../..');
const policy = sample();

test('the sample has no finding', () => {
  expect(checkPolicy(policy)).toEqual([]);
});

test.each([
  ['BREAK', { from: ['relay.private'], to: ['store'], protocol: 'smtp' }, 'smtp enters dmz by mail-in'],
  ['BREAK', { from: ['relay.private'], to: ['store'], protocol: 'submission' }, 'smtp enters dmz by mail-in'],
  ['BREAK', { from: ['webmail.private'], to: ['store'], protocol: 'https' }, 'http enters dmz by webmail-in'],
  ['BREAK', { from: ['internet'], to: ['webmail.public'], protocol: 'imaps' }, 'imap enters dmz by new'],
  ['SKIP', { from: ['internet'], to: ['store'], protocol: 'lmtp' }, 'past the zone between them'],
  ['WIDE', { from: ['relay.private'], to: ['servers'], protocol: 'lmtp' }, 'all of servers as its destination'],
  [
    'WIDE',
    { from: ['inside-dmz'], to: ['store'], protocol: 'lmtp' },
    'lets all of inside-dmz into a more trusted zone',
  ],
  ['UNKNOWN', { from: ['store'], to: ['database'], protocol: 'gopher' }, 'gopher, which is not declared'],
  ['REASON', { from: ['store'], to: ['webmail.private'], protocol: 'ssh', reason: ' ' }, 'says no reason'],
  ['UNREACHABLE', { from: ['relay.public'], to: ['store'], protocol: 'lmtp' }, 'no firewall joins'],
  ['UNREACHABLE', { from: ['offices'], to: ['store'], protocol: 'imaps' }, 'staff-imap accepts all of it'],
] satisfies [string, Partial<Flow>, string][])('%s is found: %o', (kind, change, text) => {
  const added = { id: 'new', reason: 'a test', enabled: true, ...change };
  const found = checkPolicy({ ...policy, flows: [...policy.flows, added] });
  expect(found.filter((one) => one.kind === kind).map((one) => one.text)).toContainEqual(expect.stringContaining(text));
});

test('a protocol under another name is the same protocol', () => {
  const renamed = { ...policy.protocols, lmtp: { family: 'lmtp', tcp: [25], udp: [] } };
  expect(checkPolicy({ ...policy, protocols: renamed }).map(({ text }) => text)).toContain(
    'calls port 25 lmtp; it is smtp',
  );
});

test('names that lead nowhere and addresses outside their network are refused, all at once', () => {
  const relay = { legs: { public: { network: 'edge', addresses: ['10.99.0.1'] } } };
  const flows = [{ id: 'x', from: 'nobody', to: 'relay.third', protocol: 'smtp' }];
  const errors = policySchema.safeParse({ ...policy, hosts: { relay }, flows }).error?.issues.map((i) => i.message);
  expect(errors).toContain('no such zone, network, host or leg: nobody');
  expect(errors).toContain('no such zone, network, host or leg: relay.third');
  expect(errors?.some((text) => text.startsWith('10.99.0.1 is not in edge'))).toBe(true);
});

test('"to the Internet" leaves out every network of the policy, on the firewall and on the host', () => {
  for (const set of allRuleSets(policy).filter(({ owner }) => ['outer', 'relay'].includes(owner))) {
    const rule = set.chains.flatMap(({ rules }) => rules).find((r) => r.comment === 'relay-mail-out' && r.family === 4);
    expect(rule?.destination).toEqual({
      negated: true,
      prefixes: ['10.10.1.0/24', '10.10.2.0/24', '10.20.1.0/24', '10.20.2.0/24', '10.20.3.0/24'],
    });
  }
});

test('rendered nftables text is read back as the same chains and rules', () => {
  for (const set of allRuleSets(policy)) {
    const chains = parseNftables(renderNftables(set));
    expect(chains.map(({ name, rules }) => [name, rules.length])).toEqual(
      set.chains.map(({ name, rules }) => [name, rules.length]),
    );
  }
  expect(() => parseNftables('table inet postern {\n chain x {\n')).toThrow('ends within a table');
});

test('drift is named by chain and flow', () => {
  const [set] = allRuleSets(policy);
  const wanted = set === undefined ? '' : renderNftables(set);
  expect(diffListings(wanted, wanted)).toEqual([]);
  const running = wanted
    .split('\n')
    .filter((line) => !line.includes('"relay-dns"'))
    .join('\n');
  expect(
    new Set(diffListings(wanted, running).map(({ kind, chain, comment }) => `${kind} ${chain} ${comment}`)),
  ).toEqual(new Set(['missing forward relay-dns']));
});

test('explain names the flow, or the reason why not', () => {
  expect(explain(policy, '10.10.2.25', 'store', '24').lines[0]).toContain('open by relay-store');
  expect(explain(policy, 'relay.private', 'store', 'smtp').lines[0]).toContain(
    'closed. Only servers, offices may (servers-hub)',
  );
  expect(explain(policy, 'webmail.private', 'directory', '389').lines[0]).toContain('closed. ');
  expect(explain(policy, '198.51.100.9', 'relay.public', '587').lines[0]).toContain(
    'roaming-submission is not enabled',
  );
  expect(() => explain(policy, 'nobody', 'store', '24')).toThrow('nobody is no zone');
});

test('store.yaml and docker-compose.yml that leave the policy are found', () => {
  const listen = (address: string, port: number) => ({ listen: { address, port } });
  const directory = { urls: ['ldap://10.20.1.39'] };
  const database = { url: 'mysql://u:p@10.20.1.33/postern', connections: 2, migrate: true };
  const good = { lmtp: listen('10.20.1.24', 24), imap: listen('10.20.1.24', 143), directory, database };
  expect(checkStoreSettings(policy, good)).toEqual([]);
  const bad = { ...good, lmtp: listen('10.20.1.24', 26), database: { ...database, url: 'mysql://u:p@10.10.2.80/x' } };
  expect(checkStoreSettings(policy, bad).map(({ text }) => text)).toEqual([
    'listens on store.lan port 26, where no flow leads',
    'connects from store.lan to 10.10.2.80 port 3306, and no flow permits it',
  ]);
  const compose = composeSchema.parse({
    networks: { corporate: {} },
    services: {
      relay: { networks: ['internet-edge', 'corporate'], ports: ['25:25', '3306:3306'] },
      sidecar: { networks: ['dmz', 'corporate'] },
    },
  });
  expect(checkCompose(policy, compose).map(({ text }) => text)).toEqual([
    'the corporate network must be internal',
    'stands on corporate, where relay has no leg',
    'publishes port 3306, and no flow leads there from outside',
    'joins two networks and is no host of the policy',
  ]);
});

test.each(['infra/docker/config', 'infra/systemd/examples'])('the settings of %s follow the policy', (folder) => {
  const { gateway, store, webmail } = samples(folder);
  expect(checkGatewaySettings(policy, gateway({}))).toEqual([]);
  expect(checkStoreSettings(policy, store({}))).toEqual([]);
  expect(checkWebmailSettings(policy, webmail({}))).toEqual([]);
  // All that a user can reach is switched on, so that it is what the policy was compared with.
  expect(store({}).hub).toMatchObject({ submission: { listen: { port: 587 }, listenTls: { port: 465 } } });
  expect(store({}).hub.intranet?.listen.port).toBe(25);
  expect(gateway({}).outbound?.listen?.port).toBe(25);
  expect([store({}).pop3?.listen?.port, store({}).managesieve?.listen?.port, store({}).console?.listen.port]).toEqual([
    110, 4190, 443,
  ]);
  // Submission from the road is off in both; on in the settings alone it is found.
  const text = readFileSync(join(ROOT, folder, 'gateway.yaml'), 'utf8').replace(/^# (?=submission:| {2})/gm, '');
  const roaming = gateway({ submission: parse(text).submission });
  expect(checkGatewaySettings(policy, roaming).map(({ text: found }) => found)).toEqual([
    'listens on relay.public port 465, where no flow leads',
    'listens on relay.public port 587, where no flow leads',
  ]);
  const flows = policy.flows.map((flow) => ({ ...flow, enabled: true }));
  expect(checkGatewaySettings({ ...policy, flows }, roaming)).toEqual([]);
});

test('a name server, scanner, smart host or new listener that leaves the policy is found', () => {
  const { gateway: settingsOf, store, webmail } = samples('infra/docker/config');
  const gateway = (change: object) =>
    checkGatewaySettings(policy, settingsOf(change)).map(({ where, text }) => `${where} ${text}`);
  const out = (host: string, port = 25) => ({ localAddress: '10.10.1.25', smartHost: { host, port } });
  expect(
    gateway({
      dns: { servers: ['192.0.2.53', '[2001:db8:53::1]:53', '127.0.0.1:5353'] },
      content: { clamav: { address: '127.0.0.1' }, rspamd: { url: 'http://127.0.0.1:11333' } },
      outbound: out('smtp.provider.example'),
    }),
  ).toEqual([]);
  expect(
    gateway({
      dns: { servers: ['10.20.1.53'] },
      content: { clamav: { address: '10.20.1.60' }, rspamd: { url: 'http://10.20.1.60:11333' } },
      outbound: out('smtp.provider.example', 587),
    }),
  ).toEqual([
    'gateway.yaml: dns.servers connects from relay.public or relay.private to 10.20.1.53 port 53, and no flow permits it',
    'gateway.yaml: content.clamav connects from relay.public or relay.private to 10.20.1.60 port 3310, and no flow permits it',
    'gateway.yaml: content.rspamd connects from relay.public or relay.private to 10.20.1.60 port 11333, and no flow permits it',
    'gateway.yaml: outbound.smartHost connects from relay.public to smtp.provider.example port 587, and no flow permits it',
  ]);
  expect(gateway({ outbound: out('10.20.1.24') })).toEqual([
    'gateway.yaml: outbound.smartHost connects from relay.public to 10.20.1.24 port 25, and no flow permits it',
  ]);
  const settings = store({});
  const elsewhere = { ...settings, console: { relay: { url: 'https://10.10.2.25:8443' } } };
  expect(checkStoreSettings(policy, elsewhere).map(({ where, text }) => `${where} ${text}`)).toEqual([
    'store.yaml: console.relay.url connects from store.lan to 10.10.2.25 port 8443, and no flow permits it',
  ]);
  const { tls, ca } = settings;
  const directory = webmail({ store: { host: '10.20.1.39', port: 389, tls, ca } });
  expect(checkWebmailSettings(policy, directory)).toHaveLength(1);
  const push = { subject: 'mailto:a@b.example', keyFile: 'k', path: 'p', services: ['*.notify.windows.com'] };
  expect(checkWebmailSettings(policy, webmail({ push })).map(({ where, text }) => `${where} ${text}`)).toEqual([
    'webmail.yaml: push.services connects from webmail.public or webmail.private to notify.windows.com port 443, and no flow permits it',
  ]);
  const flows = policy.flows.map((flow) => ({ ...flow, enabled: true }));
  expect(checkWebmailSettings({ ...policy, flows }, webmail({ push }))).toEqual([]);
  const newService = { ...settings, something: { listenTls: [{ address: '10.20.1.24', port: 8443 }] } };
  expect(checkStoreSettings(policy, newService).map(({ where, text }) => `${where} ${text}`)).toEqual([
    'store.yaml: something.listenTls[0] listens on store.lan port 8443, where no flow leads',
  ]);
});

const OUR_COMPOSE_FILES = [
  'docker-compose.yml',
  ...['gateway', 'webmail', 'store', 'data'].map((machine) => `infra/docker/hosts/${machine}.compose.yaml`),
];

test.each(OUR_COMPOSE_FILES)('%s follows the policy', (file) => {
  expect(checkCompose(policy, ourCompose(file), file)).toEqual([]);
});

test('what leaves the policy in our own Compose files is found', () => {
  const whole = ourCompose('docker-compose.yml');
  const changed = (name: string, change: object) =>
    checkCompose(policy, {
      ...whole,
      services: { ...whole.services, [name]: { ...whole.services[name]!, ...change } },
    });
  const texts = (found: readonly { where: string; text: string }[]) =>
    found.map(({ where, text }) => `${where.replace('docker-compose.yml: services.', '')} ${text}`);
  expect(texts(changed('relay-net', { networks: { dmz: null, corporate: null } }))).toEqual([
    'relay-net stands on corporate, where relay has no leg',
  ]);
  expect(texts(changed('inner-firewall-net', { networks: { dmz: { ipv4_address: '10.10.2.9' } } }))).toEqual([
    'inner-firewall-net has 10.10.2.9 on dmz; the policy says 10.10.2.1, fd10:10:2::1',
  ]);
  expect(texts(changed('relay', { network_mode: 'service:store-net' }))).toEqual([
    'relay stands in the namespace of store-net',
    'relay starts in store-net before the rules of store are loaded there',
  ]);
  expect(texts(changed('store', { depends_on: {} }))).toEqual([
    'store starts in store-net before the rules of store are loaded there',
  ]);
  expect(texts(changed('clamav', { network_mode: 'host' }))).toContain(
    'clamav stands on every network of a machine (network_mode: host) that is no host of the policy',
  );
  const dmz = { ...whole.networks.dmz, ipam: { config: [{ subnet: '10.99.0.0/24' }] } };
  expect(checkCompose(policy, { ...whole, networks: { ...whole.networks, dmz } }).map(({ text }) => text)).toEqual([
    'has the subnet 10.99.0.0/24; the policy says 10.10.2.0/24, fd10:10:2::/64',
  ]);
  const both = { ...ourCompose('infra/docker/hosts/gateway.compose.yaml') };
  const { store } = ourCompose('infra/docker/hosts/store.compose.yaml').services;
  const mixed = checkCompose(policy, { ...both, services: { ...both.services, store: store! } });
  expect(mixed.map(({ text }) => text)).toContain(
    'shares a machine (network_mode: host) with hosts of several zones: dmz, corporate',
  );
});

test('a machine that is several hosts has the rules of all of them, and no more', () => {
  const rules = (set: ReturnType<typeof hostRules>) =>
    set.chains.find(({ name }) => name === 'input')?.rules.map(({ comment }) => comment) ?? [];
  const data = rules(hostRules(policy, 'data', ['database', 'directory']));
  expect(data).toEqual(expect.arrayContaining(['store-database', 'relay-directory', 'store-directory']));
  expect(data).not.toContain('relay-store');
  expect(new Set(data)).toEqual(
    new Set([...rules(hostRules(policy, 'database')), ...rules(hostRules(policy, 'directory'))]),
  );
});

/** The sample settings of a folder, with changes, and secrets that are there. */
function samples(folder: string) {
  const read = <Schema extends z.ZodType>(name: string, schema: Schema) => {
    const text = readFileSync(join(ROOT, folder, `${name}.yaml`), 'utf8')
      .replace(/url: \{ file: [^}]*\}/, 'url: mysql://u:p@10.20.1.33:3306/postern')
      .replace(/\{ file: [^}]*\}/g, 'secret');
    return (change: object): z.infer<Schema> => schema.parse({ ...parse(text), ...change });
  };
  return {
    gateway: read('gateway', relayConfigSchema),
    store: read('store', storeConfigSchema),
    webmail: read('webmail', webmailConfigSchema),
  };
}

function ourCompose(file: string) {
  const read = loadConfig(composeSchema, join(ROOT, file));
  if (!read.ok) throw new Error(read.errors.join('\n'));
  return read.config;
}

function sample(): Policy {
  const read = loadPolicy(SAMPLE_POLICY);
  if (!read.ok) throw new Error(read.errors.join('\n'));
  return read.config;
}
