import { canonicalDomain } from '@postern/shared/smtp/path.ts';
import { openResolver } from '../relay/dns/resolver.ts';
import { command, configOf, parsed, UsageError } from './command.ts';
import { checkDomain } from './domain-records.ts';

/** `postern-gateway dns DOMAIN… --config FILE`: prints and checks the records that domains of ours need. */
export const dnsCommand = command(
  `usage: postern-gateway dns DOMAIN… --config gateway.yaml [--json]

  the records that a domain needs (MX, PTR, SPF, DKIM, DMARC) and that are advised (MTA-STS, TLS-RPT, DANE), and
  what the DNS says of each; exit code 1 when one is missing or wrong`,
  async (args, { print }) => {
    const { values, positionals } = parsed(args, {
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    if (values.config === undefined) throw new UsageError('give --config');
    if (positionals.length === 0) throw new UsageError('which domain?');
    const domains = positionals.map((name) => {
      const domain = canonicalDomain(name);
      if (domain === undefined || domain.startsWith('[')) throw new UsageError(`${name} is no domain`);
      return domain;
    });
    const config = configOf(values.config);
    const resolver = openResolver(config.dns);
    try {
      const results = [];
      for (const domain of domains) results.push({ domain, records: await checkDomain(domain, config, resolver) });
      if (values.json) print(JSON.stringify(results, null, 2));
      else {
        for (const { domain, records } of results) {
          print(domain);
          for (const { verdict, name, type, wanted, purpose, found } of records) {
            print(`  ${verdict.padEnd(8)} ${name}. ${type} ${wanted}`);
            print(`           ${purpose}${verdict === 'ok' || found === undefined ? '' : `; found: ${found}`}`);
          }
        }
      }
      const fine = ['ok', 'advised'];
      return results.every(({ records }) => records.every(({ verdict }) => fine.includes(verdict))) ? 0 : 1;
    } finally {
      resolver.close();
    }
  },
);
