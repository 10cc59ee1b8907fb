import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimCommand } from '@postern/gateway/cli/dkim.ts';
import { dnsCommand } from '@postern/gateway/cli/dns.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { relaySettings, type Surroundings, startSurroundings } from './outbound-relay.ts';

/** `postern-gateway dns`: what it prints is what it wants to find, record by record. */
const DOMAIN = 'domain1.example';
const GATEWAY = 'mx.our.example';
const POINTER = 'PTR 25.113.0.203.in-addr.arpa';
const NEEDED = [`MX ${DOMAIN}`, POINTER, `TXT ${DOMAIN}`, `TXT test-rsa._domainkey.${DOMAIN}`, `TXT _dmarc.${DOMAIN}`];
const ADVISED = [`TXT _mta-sts.${DOMAIN}`, `TXT _smtp._tls.${DOMAIN}`, `TLSA _25._tcp.${GATEWAY}`];

interface Finding {
  readonly name: string;
  readonly type: string;
  readonly wanted: string;
  readonly verdict: string;
  readonly found?: string;
}

let around: Surroundings;
let folder: string;
/** Every record as the command wants it. */
let right: Map<string, string>;

beforeAll(async () => {
  around = await startSurroundings();
  folder = mkdtempSync(join(tmpdir(), 'postern-records-'));
  const lines: string[] = [];
  const keep = (text: string): void => void lines.push(text);
  const made = ['new', DOMAIN, '--folder', folder, '--selector', 'test'];
  expect(await dkimCommand.run(made, { print: keep, complain: keep })).toBe(0);
  const [, dkim = ''] = lines.join('\n').split(/^dkim:$/m);
  const [key] = (parse(dkim) as Record<string, unknown[]>)[DOMAIN] ?? [];
  writeFileSync(
    join(folder, 'gateway.yaml'),
    stringify(relaySettings(around, join(folder, 'spool'), { dkim: { [DOMAIN]: [key] } })),
  );
  around.dns.zone.set(`A ${GATEWAY}`, ['203.0.113.25']);
});

afterAll(async () => {
  await around?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function check(): Promise<{ code: number; findings: Map<string, Finding> }> {
  const printed: string[] = [];
  const keep = (text: string): void => void printed.push(text);
  const args = [DOMAIN, '--config', join(folder, 'gateway.yaml'), '--json'];
  const code = await dnsCommand.run(args, { print: keep, complain: keep });
  const [{ records = [] } = {}] = JSON.parse(printed.join('\n')) as { records?: Finding[] }[];
  return { code, findings: new Map(records.map((record) => [`${record.type} ${record.name}`, record])) };
}

/** A run with one record changed. */
async function checkWith(key: string, there: readonly string[] | 'servfail') {
  const { zone } = around.dns;
  for (const [name, text] of right) zone.set(name, [text]);
  if (there.length === 0) zone.delete(key);
  else zone.set(key, there);
  const { code, findings } = await check();
  const others = [...findings].filter(([name, { verdict }]) => name !== key && verdict !== 'ok');
  return { code, finding: findings.get(key), others: others.map(([name]) => name) };
}

it('prints every record that a domain needs; with them in the DNS it has nothing to say', async () => {
  const before = await check();
  expect(before.code).toBe(1);
  expect([...before.findings.keys()].sort()).toEqual([...NEEDED, ...ADVISED, `A ${GATEWAY}`].sort());
  for (const name of NEEDED) expect(before.findings.get(name)?.verdict, name).toBe('missing');
  for (const name of ADVISED) expect(before.findings.get(name)?.verdict, name).toBe('advised');
  right = new Map([...before.findings].map(([name, { wanted }]) => [name, wanted.replace(/\.$/, '')]));
  right.set(`A ${GATEWAY}`, '203.0.113.25');
  for (const [name, text] of right) around.dns.zone.set(name, [text]);
  const after = await check();
  expect([...after.findings.values()].filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  expect(after.code).toBe(0);
});

it.each(NEEDED)('without %s it says so and ends with 1', async (key) => {
  expect(await checkWith(key, [])).toMatchObject({ code: 1, finding: { verdict: 'missing' }, others: [] });
});

it.each(ADVISED)('without %s mail works', async (key) => {
  expect(await checkWith(key, [])).toMatchObject({ code: 0, finding: { verdict: 'advised' }, others: [] });
});

it.each([
  [`MX ${DOMAIN}`, ['10 mx.other.example'], 'mx.other.example'],
  [POINTER, ['dialup.other.example'], 'dialup.other.example'],
  [`TXT ${DOMAIN}`, ['v=spf1 -all'], 'v=spf1 -all (fail for the gateway)'],
  [`TXT ${DOMAIN}`, [`v=spf1 a:${GATEWAY} -all`, 'v=spf1 ~all'], 'and v=spf1 ~all'],
  [`TXT test-rsa._domainkey.${DOMAIN}`, ['v=DKIM1; k=rsa; p=MIGf'], 'p=MIGf'],
  [`TXT _dmarc.${DOMAIN}`, ['v=DMARC1; p=none', 'v=DMARC1; p=reject'], 'p=none v=DMARC1'],
  [`TXT _mta-sts.${DOMAIN}`, ['v=STSv1'], 'v=STSv1'],
  [`TXT _smtp._tls.${DOMAIN}`, ['v=TLSRPTv1; rua=ftp://x'], 'ftp://x'],
  [`TLSA _25._tcp.${GATEWAY}`, [`3 1 1 ${'ab'.repeat(32)}`], 'abab'],
])('%s that is wrong is shown', async (key, there, found) => {
  const finding = { verdict: 'wrong', found: expect.stringContaining(found) };
  expect(await checkWith(key, there)).toMatchObject({ code: 1, finding, others: [] });
});

it('a name server that does not answer is no missing record', async () => {
  expect(await checkWith(`MX ${DOMAIN}`, 'servfail')).toMatchObject({ code: 1, finding: { verdict: 'unknown' } });
});
