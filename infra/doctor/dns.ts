import type { RelayConfig } from '@postern/gateway/relay/config.ts';
import {
  addressesOf,
  type DnsAnswer,
  openResolver,
  type Resolver,
  texts,
} from '@postern/gateway/relay/dns/resolver.ts';
import type { Check, Finding } from './finding.ts';

/** The public name leads to addresses and back, and each domain's MX to the public name. */
export function dnsCheck(config: Pick<RelayConfig, 'hostname' | 'dns'>, domains: readonly string[]): Check {
  return {
    name: 'dns',
    async run() {
      const resolver = openResolver({ ...config.dns, cacheMs: 0 });
      try {
        const findings = [await publicName(resolver, config.hostname)];
        for (const domain of domains) findings.push(await exchanger(resolver, domain, config.hostname));
        return findings;
      } finally {
        resolver.close();
      }
    },
  };
}

const finding = (subject: string, status: Finding['status'], found: string, advice?: string): Finding => {
  return { check: 'dns', subject, status, found, advice };
};

const ASK = 'Does the name server answer this host? Look at dns.servers, and whether the firewall lets DNS pass.';

async function publicName(resolver: Resolver, name: string): Promise<Finding> {
  const answer = await addressesOf(resolver, name);
  if (answer.kind === 'unknown') return finding(name, 'fault', answer.cause, ASK);
  const addresses = texts(answer);
  if (addresses.length === 0) {
    return finding(name, 'fault', 'it has no address', 'Add A (and AAAA) records, or set hostname to the public name.');
  }
  for (const address of addresses) {
    const back = await resolver.query(reverseName(address), 'PTR');
    if (texts(back).some((found) => found.toLowerCase().replace(/\.$/, '') === name.toLowerCase())) continue;
    const advice = `Ask the owner of ${address} (your provider) for a PTR record to ${name}: many receivers refuse mail without.`;
    return finding(name, 'warning', `${address} leads back to ${told(back)}`, advice);
  }
  return finding(name, 'ok', `${addresses.join(', ')}, and back`);
}

async function exchanger(resolver: Resolver, domain: string, hostname: string): Promise<Finding> {
  const answer = await resolver.query(domain, 'MX');
  if (answer.kind === 'unknown') return finding(domain, 'fault', answer.cause, ASK);
  const records = answer.kind === 'found' ? answer.records : [];
  const hosts = records.map((record) => (typeof record === 'object' && 'exchange' in record ? record.exchange : ''));
  if (hosts.some((host) => host.toLowerCase().replace(/\.$/, '') === hostname.toLowerCase())) {
    return finding(domain, 'ok', `its MX is ${hostname}`);
  }
  const advice = `Set the MX of ${domain} to ${hostname}, unless another host passes its mail on to this one.`;
  return finding(domain, 'warning', hosts.length === 0 ? 'it has no MX' : `its MX is ${hosts.join(', ')}`, advice);
}

function told(answer: DnsAnswer): string {
  if (answer.kind === 'unknown') return 'no answer';
  const names = texts(answer);
  return names.length === 0 ? 'no name' : names.join(', ');
}

/** RFC 1035 §3.5, RFC 3596 §2.5. */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = new Array<string>(8 - before.length - after.length).fill('0');
  const digits = [...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}
