import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalDomain } from '@postern/shared/smtp/path.ts';
import { dkimRecord } from '../relay/outbound/dkim-record.ts';
import { command, parsed, UsageError } from './command.ts';

/** RFC 8301 §3.2; longer ones do not fit everywhere. */
const RSA_BITS = 2_048;

/** `postern-gateway dkim new DOMAIN`: makes keys, and says what to write into the DNS and into gateway.yaml. */
export const dkimCommand = command(
  `usage: postern-gateway dkim new DOMAIN --folder FOLDER [--selector NAME]

  makes an RSA and an Ed25519 key in the folder (never over one that is there), and prints the DNS records and the
  settings for them; the selector is the month by default, with -rsa and -ed behind it`,
  async (args, { print }) => {
    const { values, positionals } = parsed(args, { folder: { type: 'string' }, selector: { type: 'string' } });
    const [what, name = '', ...more] = positionals;
    const domain = canonicalDomain(name);
    if (what !== 'new' || more.length > 0) throw new UsageError('dkim new DOMAIN');
    if (domain === undefined || domain.startsWith('[')) throw new UsageError(`${name} is no domain`);
    if (values.folder === undefined) throw new UsageError('give --folder');
    const base = values.selector ?? `p${new Date().toISOString().slice(0, 7).replace('-', '')}`;
    if (!/^[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?$/i.test(base)) throw new UsageError(`${base} is no selector`);
    mkdirSync(values.folder, { recursive: true, mode: 0o700 });
    const made = [
      { selector: `${base}-rsa`, pair: generateKeyPairSync('rsa', { modulusLength: RSA_BITS }) },
      { selector: `${base}-ed`, pair: generateKeyPairSync('ed25519') },
    ].map(({ selector, pair }) => ({ selector, ...write(values.folder ?? '', domain, selector, pair) }));
    print('; into the DNS:');
    for (const { selector, publicKey } of made) {
      const strings = dkimRecord(publicKey).match(/.{1,255}/g) ?? [];
      print(`${selector}._domainkey.${domain}. TXT ( ${strings.map((text) => `"${text}"`).join(' ')} )`);
    }
    print('\n# into gateway.yaml, below outbound:, once the records are there (postern-gateway dns checks them):');
    print(`dkim:\n  ${domain}:`);
    for (const { selector, path } of made) print(`    - { selector: ${selector}, key: ${path} }`);
    return 0;
  },
);

function write(
  folder: string,
  domain: string,
  selector: string,
  pair: { privateKey: KeyObject; publicKey: KeyObject },
) {
  const path = join(folder, `${domain}.${selector}.key`);
  try {
    writeFileSync(path, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(`${path} is there already: choose another --selector`);
  }
  return { path, publicKey: pair.publicKey };
}
