import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import { day } from '../pki/authority.ts';
import { type CertificateReport, keepCertificates } from '../pki/certificate-folder.ts';
import { giveCertificates } from '../pki/give.ts';
import { type CertificatePlan, certificatePlanSchema, unknownNames } from '../pki/plan.ts';

export const CERTIFICATES_USAGE = `usage: postern certificates make|renew|show --plan FILE --folder DIR [--reload COMMAND] [--json]

  make     makes a CA if there is none, and every certificate of the plan that is missing or does not fit
  renew    the same for a CA that is there: what expires soon, lacks a name or was signed by another CA is issued anew
  show     what is there and when it expires; 1 when something is missing or expires soon
  --reload COMMAND   run by the shell when a file changed, e.g. 'systemctl reload postern-store'
`;

const DAY_MS = 86_400_000;

/** `postern certificates`: 0 done, 1 not done (or, for show, something wants attention), 2 wrong usage. */
export async function certificates(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      plan: { type: 'string' },
      folder: { type: 'string' },
      reload: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [command = '', ...rest] = positionals;
  const { plan: planFile, folder } = values;
  const known = ['make', 'renew', 'show'].includes(command) && rest.length === 0;
  if (!known || planFile === undefined || folder === undefined) {
    process.stderr.write(CERTIFICATES_USAGE);
    return 2;
  }
  const loaded = loadConfig(certificatePlanSchema, planFile);
  const errors = loaded.ok ? unknownNames(loaded.config).map((name) => `give: there is no ${name}`) : loaded.errors;
  if (!loaded.ok || errors.length > 0) {
    process.stderr.write(`${errors.join('\n')}\n`);
    return 2;
  }
  if (command === 'show') return show(folder, loaded.config, values.json);
  if (command === 'renew' && !existsSync(join(folder, 'ca.key'))) {
    process.stderr.write(`postern certificates: there is no CA in ${folder}; 'make' makes one\n`);
    return 1;
  }
  return await keep(folder, loaded.config, values);
}

async function keep(
  folder: string,
  plan: CertificatePlan,
  { json, reload }: { json: boolean; reload?: string | undefined },
): Promise<number> {
  const requests = Object.fromEntries(
    Object.entries(plan.certificates).map(([name, { names, uses }]) => [
      name,
      { commonName: names[0] ?? name, names, uses },
    ]),
  );
  const reports = await keepCertificates(folder, requests, new Date(), {
    authorityName: plan.authority,
    renewDays: plan.renewDays,
  });
  const given = giveCertificates(folder, plan);
  print(reports, given, json);
  const changed = given.length > 0 || reports.some(({ made }) => made !== undefined);
  if (!changed || reload === undefined) return 0;
  const { status } = spawnSync('/bin/sh', ['-c', reload], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return 0;
  process.stderr.write(`postern certificates: new certificates are in place, but '${reload}' ended with ${status}\n`);
  return 1;
}

function print(reports: readonly CertificateReport[], given: readonly string[], json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ certificates: reports, given })}\n`);
    return;
  }
  for (const { name, expiresAt, made } of reports) {
    process.stdout.write(
      `${name.padEnd(12)} until ${day(expiresAt)}  ${made === undefined ? 'kept' : `made: ${made}`}\n`,
    );
  }
  for (const path of given) process.stdout.write(`given        ${path}\n`);
}

function show(folder: string, plan: CertificatePlan, json: boolean): number {
  const rows = ['ca', ...Object.keys(plan.certificates)].map((name) => {
    const path = join(folder, `${name}.pem`);
    if (!existsSync(path)) return { name, missing: true, soon: true, text: 'missing' };
    const leaf = new X509Certificate(readFileSync(path));
    const daysLeft = Math.floor((leaf.validToDate.getTime() - Date.now()) / DAY_MS);
    const soon = daysLeft < plan.renewDays;
    const text = `until ${day(leaf.validToDate)} (${daysLeft} days)  ${leaf.subjectAltName ?? leaf.subject}`;
    return { name, missing: false, soon, daysLeft, text };
  });
  if (json) process.stdout.write(`${JSON.stringify(rows.map(({ text: _, ...row }) => row))}\n`);
  else for (const { name, text } of rows) process.stdout.write(`${name.padEnd(12)} ${text}\n`);
  return rows.some(({ soon }) => soon) ? 1 : 0;
}
