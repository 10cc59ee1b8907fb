import { expect, test } from 'vitest';
import { allRuleSets } from './build-rules.ts';
import { checkPolicy } from './check.ts';
import { checkCompose, composeSchema } from './check-compose.ts';
import { checkStoreSettings } from './check-settings.ts';
import { diffListings } from './diff.ts';
import { explain } from './explain.ts';
import { parseNftables, renderNftables } from './nftables.ts';
import { type Flow, loadPolicy, type Policy, policySchema, SAMPLE_POLICY } from './policy.ts';

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
  expect(explain(policy, 'relay.private', 'store', 'smtp').lines[0]).toContain('closed. No flow leads there');
  expect(explain(policy, '198.51.100.9', 'relay.public', '587').lines[0]).toContain(
    'roaming-submission is not enabled',
  );
  expect(() => explain(policy, 'nobody', 'store', '24')).toThrow('nobody is no zone');
});

test('store.yaml and docker-compose.yml that leave the policy are found', () => {
  const listen = (address: string, port: number) => ({ listen: { address, port } });
  const directory = { urls: ['ldap://10.20.1.39'] } as Parameters<typeof checkStoreSettings>[1]['directory'];
  const database = { url: 'mysql://u:p@10.20.1.33/postern', connections: 2, migrate: true };
  const good = { lmtp: listen('10.20.1.24', 24), imap: listen('10.20.1.24', 143), directory, database };
  expect(checkStoreSettings(policy, good)).toEqual([]);
  const bad = { ...good, lmtp: listen('10.20.1.24', 25), database: { ...database, url: 'mysql://u:p@10.10.2.80/x' } };
  expect(checkStoreSettings(policy, bad).map(({ text }) => text)).toEqual([
    'listens on store.lan port 25, where no flow leads',
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

function sample(): Policy {
  const read = loadPolicy(SAMPLE_POLICY);
  if (!read.ok) throw new Error(read.errors.join('\n'));
  return read.config;
}
