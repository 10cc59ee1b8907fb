import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { webmailConfigSchema } from '@postern/gateway/webmail/config.ts';
import { describeSettings, type SettingDescription } from '@postern/shared/runtime/config.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { openApiDocument } from '@postern/store/console/openapi.ts';
import { helperConfigSchema } from '@postern/store/delivery/local-program/helper-config.ts';

/** `npm run docs [-- --check]`: writes the pages that are generated from declarations, or fails when one is stale. */
const root = join(import.meta.dirname, '..', '..');

const pages: Record<string, string> = {
  'docs/settings.md': [
    '# Settings',
    '',
    'Generated from the declarations by `npm run docs`; do not edit. One YAML file per process; every error is reported at once by',
    '`--check-config`. A secret is text, or `{ file: path }`, or `{ env: NAME }`.',
    '',
    table('gateway.yaml (the relay)', describeSettings(relayConfigSchema)),
    table('webmail.yaml (the webmail host)', describeSettings(webmailConfigSchema)),
    table('store.yaml (the store)', describeSettings(storeConfigSchema)),
    table('local-delivery.yaml (the helper of local delivery)', describeSettings(helperConfigSchema)),
  ].join('\n'),
  'docs/openapi.json': `${JSON.stringify(openApiDocument(), null, 1)}\n`,
};

function table(title: string, settings: readonly SettingDescription[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return [
    `## ${title}`,
    '',
    '| setting | type | default | what it does |',
    '|---|---|---|---|',
    ...settings.map((s) => `| \`${s.path}\` | ${cell(s.type)} | ${cell(s.defaultText)} | ${cell(s.sentence)} |`),
    '',
  ].join('\n');
}

let stale = 0;
for (const [path, text] of Object.entries(pages)) {
  const file = join(root, path);
  let present = '';
  try {
    present = readFileSync(file, 'utf8');
  } catch {
    // A missing page is stale like any other.
  }
  if (present === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`${path} is stale: run 'npm run docs'`);
    stale++;
  } else {
    writeFileSync(file, text);
    console.log(`wrote ${path}`);
  }
}
process.exitCode = stale > 0 ? 1 : 0;
