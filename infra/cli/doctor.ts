import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ConfigResult, loadConfig } from '@postern/shared/runtime/config.ts';
import { clockCheck } from '../doctor/clock.ts';
import { type Check, type Finding, runChecks } from '../doctor/finding.ts';
import type { DoctorOptions } from '../doctor/gateway.ts';

export const DOCTOR_USAGE = `usage: postern doctor [--gateway gateway.yaml] [--webmail webmail.yaml] [--store store.yaml] [--json]
         [--domain DOMAIN]… [--account ADDRESS] [--time-server HOST[:PORT]] [--min-free-mib N]

Looks at a running installation from the host that it runs on, and says what to do about each fault. Nothing is changed, and no
message is sent. Without a file it takes those of /etc/postern that are there.
  --domain       a domain whose MX should lead here (several times; the default domain always)
  --account      an address that the store is asked for by LMTP, instead of the greeting alone
  --time-server  compares the clock with it (SNTP); without, the system is asked whether it is synchronised
  --json         {"healthy": …, "findings": [{"check", "subject", "status", "found", "advice"}]}
Exits with 0 when no fault was found (warnings may be), 1 with a fault, 2 on wrong usage.
`;

const MIB = 1_048_576;
const SIGNS: Readonly<Record<Finding['status'], string>> = {
  ok: ' ok ',
  warning: 'WARN',
  fault: 'FAIL',
  skipped: ' -- ',
};

/** `postern doctor`. */
export async function doctor(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      gateway: { type: 'string' },
      webmail: { type: 'string' },
      store: { type: 'string' },
      domain: { type: 'string', multiple: true, default: [] },
      account: { type: 'string' },
      'time-server': { type: 'string' },
      'min-free-mib': { type: 'string', default: '2048' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const named = [values.gateway, values.webmail, values.store].some((file) => file !== undefined);
  const gateway = named ? values.gateway : ifThere('/etc/postern/gateway.yaml');
  const webmail = named ? values.webmail : ifThere('/etc/postern/webmail.yaml');
  const store = named ? values.store : ifThere('/etc/postern/store.yaml');
  const minFreeMib = Number(values['min-free-mib']);
  const nothing = [gateway, webmail, store].every((file) => file === undefined);
  if (values.help || nothing || !(minFreeMib >= 0)) {
    (values.help ? process.stdout : process.stderr).write(DOCTOR_USAGE);
    return values.help ? 0 : 2;
  }
  const options = { domains: values.domain, account: values.account, minFreeBytes: minFreeMib * MIB };
  const findings: Finding[] = [];
  if (gateway !== undefined) findings.push(...(await look(gateway, (file) => gatewayOf(file, options))));
  if (webmail !== undefined) findings.push(...(await look(webmail, (file) => webmailOf(file, options))));
  if (store !== undefined) findings.push(...(await look(store, storeOf)));
  findings.push(...(await runChecks([clockCheck(values['time-server'])])));
  const healthy = findings.every(({ status }) => status !== 'fault');
  if (values.json) process.stdout.write(`${JSON.stringify({ healthy, findings }, null, 2)}\n`);
  else process.stdout.write(findings.map(line).join(''));
  return healthy ? 0 : 1;
}

async function look(file: string, checksOf: (file: string) => Promise<ConfigResult<Check[]>>): Promise<Finding[]> {
  const checks = await checksOf(file);
  if (checks.ok) {
    return [{ check: 'settings', subject: file, status: 'ok', found: 'read' }, ...(await runChecks(checks.config))];
  }
  const advice = 'docs/settings.md tells each setting; --check-config of the service says the same.';
  return checks.errors.map((found) => ({ check: 'settings', subject: file, status: 'fault', found, advice }));
}

async function gatewayOf(file: string, options: DoctorOptions): Promise<ConfigResult<Check[]>> {
  const { relayConfigSchema } = await import('@postern/gateway/relay/config.ts');
  const { gatewayChecks } = await import('../doctor/gateway.ts');
  const loaded = loadConfig(relayConfigSchema, file);
  return loaded.ok ? { ok: true, config: gatewayChecks(loaded.config, options) } : loaded;
}

async function webmailOf(file: string, options: DoctorOptions): Promise<ConfigResult<Check[]>> {
  const { webmailConfigSchema } = await import('@postern/gateway/webmail/config.ts');
  const { webmailChecks } = await import('../doctor/webmail.ts');
  const loaded = loadConfig(webmailConfigSchema, file);
  return loaded.ok ? { ok: true, config: webmailChecks(loaded.config, options) } : loaded;
}

async function storeOf(file: string): Promise<ConfigResult<Check[]>> {
  const { storeConfigSchema } = await import('@postern/store/config.ts');
  const { storeChecks } = await import('../doctor/store.ts');
  const loaded = loadConfig(storeConfigSchema, file);
  return loaded.ok ? { ok: true, config: storeChecks(loaded.config) } : loaded;
}

function ifThere(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

function line({ check, subject, status, found, advice }: Finding): string {
  const said = `[${SIGNS[status]}] ${check.padEnd(12)} ${subject === '' ? '' : `${subject}: `}${found}\n`;
  return advice === undefined ? said : `${said}       → ${advice}\n`;
}
