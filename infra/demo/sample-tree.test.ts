import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import { parseConfig } from '@postern/shared/runtime/config.ts';
import { storeConfigSchema } from '@postern/store/config.ts';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { DEMO_ACCOUNTS, DEMO_ALIASES } from './accounts.ts';
import { relaySettings, storeSettings } from './configuration.ts';
import { layoutOf } from './layout.ts';
import { prepareStateFolder } from './preconditions.ts';
import { keepSampleTree, withPassword } from './sample-tree.ts';
import { keepSecret, writeSecret } from './secrets.ts';

function inState(check: (layout: ReturnType<typeof layoutOf>) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'postern-state-'));
  try {
    const layout = layoutOf(folder, 20_000);
    prepareStateFolder(layout);
    check(layout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the services get passwords of their own, never the published ones, and keep them', () =>
  inState((layout) => {
    const ldif = readFileSync(keepSampleTree(layout), 'utf8');
    const entry = ldif.split('\n\n').find((text) => text.startsWith('dn: cn=relay,')) ?? '';
    const value = Buffer.from(/^userPassword: \{SSHA\}(.*)$/m.exec(entry)?.[1] ?? '', 'base64');
    const digest = createHash('sha1').update(keepSecret(layout, 'ldap-relay')).update(value.subarray(20)).digest();
    expect(value.subarray(0, 20)).toEqual(digest);
    expect(keepSecret(layout, 'ldap-relay')).not.toBe(keepSecret(layout, 'ldap-store'));
    expect(readFileSync(keepSampleTree(layout), 'utf8')).toBe(ldif);
  }));

test('every account and alias of the table stands in the sample tree', () =>
  inState((layout) => {
    const ldif = readFileSync(keepSampleTree(layout), 'utf8');
    for (const { address } of DEMO_ACCOUNTS) expect(ldif).toContain(`\nmail: ${address}\n`);
    for (const [address] of DEMO_ALIASES) {
      const known = ldif.includes(`\nmail: ${address}\n`) || ldif.includes(`\nmail: @${address.split('@')[1]}\n`);
      expect(known, address).toBe(true);
    }
  }));

test('an entry that is not there is an error, not a tree with a published password', () => {
  expect(() => withPassword('dn: cn=a\ncn: a\n\ndn: cn=b\nuserPassword: x\n', 'cn=a', 'secret')).toThrow('cn=a');
});

test('the settings fit their declarations, and the gateway’s name no secret of the store', () =>
  inState((layout) => {
    keepSampleTree(layout);
    writeSecret(layout, 'database-url', 'mysql://postern:very-secret@127.0.0.1:1/postern');
    const relay = stringify(relaySettings(layout));
    expect(parseConfig(relayConfigSchema, relay, 'gateway.yaml')).toMatchObject({ ok: true });
    expect(parseConfig(storeConfigSchema, stringify(storeSettings(layout)), 'store.yaml')).toMatchObject({ ok: true });
    expect(relay).not.toMatch(/database|mysql|ldap-store|store\.key|directory\.key/);
  }));
